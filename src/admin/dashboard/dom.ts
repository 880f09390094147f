import { printableLines } from '../../printable.ts';

/** Attributes by name; `undefined` and `false` leave one out, `true` writes it without a value. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
export type Child = Node | string | undefined;

const svgNamespace = 'http://www.w3.org/2000/svg';

/** @returns an HTML element. A text child becomes a text node with control characters escaped; nothing is parsed as markup. */
export function html<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  return filled(document.createElement(tag), attributes, children);
}

/** @returns an SVG element, built like `html` */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  return filled(document.createElementNS(svgNamespace, tag), attributes, children);
}

function filled<Kind extends Element>(
  element: Kind,
  attributes: Attributes,
  children: readonly Child[],
): Kind {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : printableLines(String(value)));
  }
  for (const child of children) {
    if (child !== undefined) element.append(typeof child === 'string' ? printableLines(child) : child);
  }
  return element;
}

/** @returns an element of the page. @throws Error if it does not exist */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element "${id}"`);
  return found;
}

/** Writes a text only if it differs, so that a screen reader is not interrupted and a selection stays. */
export function say(element: Element, text: string): void {
  const shown = printableLines(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** Sets an attribute; `undefined` removes it. */
export function mark(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Calls back with the width and height of an element now, and whenever they have changed; in pixels. */
export function onSize(element: Element, then: (width: number, height: number) => void): void {
  let last = '';
  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = element;
    const size = `${String(width)} ${String(height)}`;
    if (size === last || width === 0) return;
    last = size;
    then(width, height);
  }).observe(element);
}

/** Calls back with the width of an element now, and whenever it has changed; in pixels. */
export function onWidth(element: Element, then: (width: number) => void): void {
  let last = 0;
  onSize(element, (width) => {
    if (width !== last) then(width);
    last = width;
  });
}

/** @returns the text size of the page in pixels; drawings scale with it */
export function textSize(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
}

/** @returns a colour of the style sheet for a canvas, resolved for light or dark */
export function colour(name: string): string {
  const probe = html('span');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
