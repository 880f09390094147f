/**
 * Expressions that run inside the page; text, because the page has a DOM and the tests have none.
 *
 * What has less contrast with what is behind it than WCAG 2.2 asks for (1.4.3): 4.5, or 3 for large text.
 */
export const poorContrasts = `(() => {
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a),
    g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a),
    a: 1,
  });
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const base = rgba(getComputedStyle(document.documentElement).backgroundColor);
  const behind = (element) => {
    const own = element ? rgba(getComputedStyle(element).backgroundColor) : base;
    return own.a === 1 || !element ? own : over(own, behind(element.parentElement));
  };
  const poor = [];
  const check = (what, ink, ground, least) => {
    const ratio = contrast(over(ink, ground), ground);
    if (ratio < least) poor.push(what + ': ' + ratio.toFixed(2));
  };
  let checked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('svg, script, noscript, .unseen, option')) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    check(element.id || walker.currentNode.data.slice(0, 30), rgba(style.color), behind(element), isLarge ? 3 : 4.5);
    checked += 1;
  }
  // What is drawn: texts on the boxes that they stand in, lines and marks (1.4.11: 3) on the card.
  const probe = document.body.appendChild(document.createElement('span'));
  const colour = (name) => {
    probe.style.color = 'var(--' + name + ')';
    return rgba(getComputedStyle(probe).color);
  };
  for (const tone of ['good', 'busy', 'poor', 'bad', 'idle']) {
    check(tone + ' in its box', colour(tone), colour(tone + '-ground'), 4.5);
    check('ink on ' + tone, colour('ink'), colour(tone + '-ground'), 4.5);
    check('muted on ' + tone, colour('muted'), colour(tone + '-ground'), 4.5);
    check('sign of ' + tone, colour('card'), colour(tone), 4.5);
  }
  check('muted in the tunnel', colour('muted'), colour('own-ground'), 4.5);
  for (const line of ['line-one', 'line-two', 'own', 'busy', 'strong-edge'])
    check(line + ' on the card', colour(line), colour('card'), 3);
  probe.remove();
  return { checked, poor };
})()`;

/** What is wider than the window. */
export const tooWide = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;

/** Writes down every phase that is shown, and when (wall clock, ms). */
export const watchPhases = `(() => {
  const phase = document.getElementById('phase');
  window.shown = [];
  new MutationObserver(() => {
    window.shown.push({ phase: phase.dataset.phase, at: performance.timeOrigin + performance.now() });
  }).observe(phase, { attributes: true, attributeFilter: ['data-phase'] });
})()`;

/** What has the focus, in a word. */
export const focused = `document.activeElement.id || document.activeElement.value || document.activeElement.className || document.activeElement.tagName`;

/** The boxes of the topology that cover each other, by where they stand. */
export const inTheWay = `(() => {
  const boxes = [...document.querySelectorAll('.map .box')].map((box) => box.getBoundingClientRect());
  const covers = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.flatMap((box, index) =>
    boxes.slice(index + 1).filter((other) => covers(box, other)).map((other) => [box.x, box.y, other.x, other.y]),
  );
})()`;

/**
 * The course of the first line of a plot, from left to right: how low it comes in each column of pixels that it is in, as a
 * share of the height from below.
 */
export const courseOf = (plot: string): string => `(() => {
  const canvas = document.querySelector('#${plot} canvas');
  const probe = document.body.appendChild(document.createElement('span'));
  probe.style.color = 'var(--line-one)';
  const colour = getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number);
  probe.remove();
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const isLine = (at) => data[at + 3] > 128 && [0, 1, 2].every((part) => Math.abs(data[at + part] - colour[part]) < 60);
  const course = [];
  for (let x = 0; x < width; x += 1) {
    let y = height - 1;
    while (y >= 0 && !isLine((y * width + x) * 4)) y -= 1;
    if (y >= 0) course.push(1 - y / height);
  }
  return course;
})()`;

/** The texts of the topology that cover each other, or leave the box that they begin in. */
export const textsInTheWay = `(() => {
  const placed = (selector) => [...document.querySelectorAll(selector)].map((element) => ({
    text: element.textContent,
    box: element.getBoundingClientRect(),
  }));
  const texts = placed('.map text').filter(({ text, box }) => text !== '' && box.width > 0);
  const boxes = placed('.map .box').map(({ box }) => box);
  const covers = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4;
  return texts.flatMap(({ text, box }, index) => [
    ...texts.slice(index + 1).filter((other) => covers(box, other.box)).map((other) => text + ' / ' + other.text),
    ...boxes
      .filter(({ left, right, top, bottom }) => left < box.left && box.left < right && top < box.top && box.bottom < bottom)
      .filter(({ right }) => box.right > right)
      .map(() => text + ' leaves its box'),
  ]);
})()`;

/** Writes down what the topology says from now on, and whether its texts are ever in the way of each other. */
export const watchTexts = `(() => {
  window.told = { words: [], troubles: [] };
  new MutationObserver(() => {
    const words = [...document.querySelectorAll('.map .note')].map((note) => note.textContent);
    for (const word of words) if (!window.told.words.includes(word)) window.told.words.push(word);
    window.told.troubles.push(...${textsInTheWay});
  }).observe(document.querySelector('.map'), { childList: true, subtree: true, characterData: true });
})()`;
