import type { DatabaseStatus, SentinelStatus, Status } from '../status.ts';
import { byId, html, mark, say } from './dom.ts';
import { lasting, subscriptionWords } from '../wording.ts';
import { clockText, countText, latencyText, rateText } from './format.ts';
import type { Sample } from './series.ts';
import { answerOf, signs, wordingOf } from './words.ts';

/** Shows the phase and the numbers of the selected database. */
export function showDatabase(database: DatabaseStatus, sample: Sample | undefined, nowMs: number): void {
  const { tone, word, sentence } = wordingOf(database);
  const panel = byId('phase');
  mark(panel, 'data-tone', tone);
  mark(panel, 'data-phase', database.phase);
  say(byId('phase-sign'), signs[tone]);
  say(byId('phase-word'), word);
  say(byId('phase-name'), database.name);
  say(byId('phase-sentence'), sentence);
  const since = sinceOf(database);
  say(byId('phase-for'), `for ${lasting(nowMs - Date.parse(since), 's')}`);
  say(byId('phase-since'), `(since ${clockText(since)})`);
  const { counters, view } = database;
  const write = (id: string, text: string): void => {
    say(byId(id), text);
  };
  write('fact-master', database.master ?? 'none now');
  write('fact-open', countText(counters?.open));
  write('fact-held', countText(counters?.held));
  mark(byId('fact-held'), 'data-some', (counters?.held ?? 0) > 0 ? '' : undefined);
  write('fact-upstream', rateText(sample?.upstream ?? undefined));
  write('fact-downstream', rateText(sample?.downstream ?? undefined));
  write('fact-sentinels', `${String(view.sentinels.agreeing)} of ${String(view.sentinels.known)}`);
  write('fact-refused', countText(counters?.ended.refused));
  write('fact-cut', countText(counters?.ended.evicted));
  write('fact-failover', database.lastFailover ? clockText(database.lastFailover.at) : 'none');
  write('fact-listen', database.listen.map(({ address }) => address).join(', '));
}

/** @returns when the shown state began: a hold may have begun after the phase */
export function sinceOf({ phase, since, hold }: DatabaseStatus): string {
  return hold && phase === 'serving' ? hold.since : since;
}

/** Shows the reply of each Sentinel as a table: the content of the picture in text. */
export function showSentinels(sentinels: readonly SentinelStatus[], database: DatabaseStatus): void {
  const body = byId('sentinel-rows');
  while (body.childElementCount > sentinels.length) body.lastElementChild?.remove();
  for (const [index, sentinel] of sentinels.entries()) {
    const said = sentinel.said.find((each) => each.database === database.name);
    const { tone, word, sentence } = answerOf(sentinel, said, database.standing);
    const row = body.children[index] ?? body.appendChild(emptyRow());
    mark(row, 'data-tone', tone);
    const [address, state, latency, heard] = row.children;
    if (!address || !state || !latency || !heard) continue;
    say(address, sentinel.seed ? sentinel.address : `${sentinel.address} (learnt)`);
    const [sign, words, why] = state.children;
    if (sign && words && why) {
      say(sign, signs[tone]);
      say(words, word);
      say(why, sentence);
    }
    say(latency, latencyText(said ? said.latencyMs : sentinel.latencyMs));
    say(heard, subscriptionWords[sentinel.subscription]);
  }
}

function emptyRow(): HTMLElement {
  return html(
    'tr',
    { role: 'row' },
    html('th', { role: 'rowheader', scope: 'row', class: 'address' }),
    html(
      'td',
      { role: 'cell' },
      html('span', { class: 'sign', 'aria-hidden': 'true' }),
      html('strong'),
      html('span', { class: 'why' }),
    ),
    html('td', { role: 'cell', class: 'number' }),
    html('td', { role: 'cell', class: 'heard' }),
  );
}

/** Shows a list to select a database, if there are several. */
export function showChoice({ databases }: Status, chosen: string, choose: (name: string) => void): void {
  const list = byId('databases');
  list.hidden = databases.length < 2;
  const names = JSON.stringify(databases.map(({ name }) => name));
  if (list.dataset['names'] !== names) {
    list.dataset['names'] = names;
    list.replaceChildren(
      ...databases.map(({ name }) => {
        const button = html(
          'button',
          { type: 'button' },
          html('span', { class: 'sign', 'aria-hidden': 'true' }),
          html('span', { class: 'name' }, name),
          html('span', { class: 'word' }),
        );
        button.addEventListener('click', () => {
          choose(name);
        });
        return html('li', {}, button);
      }),
    );
  }
  for (const [index, database] of databases.entries()) {
    const button = list.children[index]?.firstElementChild;
    const [sign, , word] = button?.children ?? [];
    if (!button || !sign || !word) continue;
    const { tone, word: text } = wordingOf(database);
    mark(button, 'data-tone', tone);
    mark(button, 'aria-pressed', String(database.name === chosen));
    say(sign, signs[tone]);
    say(word, text);
  }
}
