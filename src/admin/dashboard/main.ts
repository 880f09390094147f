import type { DatabaseStatus, Status } from '../status.ts';
import { printable } from '../../printable.ts';
import type { FailoverRecord } from '../../tunnel/failover-record.ts';
import { Client, type Touch } from './client.ts';
import { showChoice, showDatabase, showSentinels, sinceOf } from './database-panel.ts';
import { byId, mark, say } from './dom.ts';
import { Events } from './events.ts';
import { Failovers } from './failovers.ts';
import { lasting } from '../wording.ts';
import { clockText } from './format.ts';
import { Outages } from './outages.ts';
import { Plots } from './plots.ts';
import { gapMs, readingsOf, Series } from './series.ts';
import { startTheme } from './theme.ts';
import { TopologyPicture } from './topology-picture.ts';
import { topologyOf } from './topology.ts';
import { wordingOf } from './words.ts';

/** What the page keeps of one database between two reads. */
interface Memory {
  readonly series: Series;
  readonly outages: Outages;
  /** The tunnel has samples that the page lacks. */
  isHistoryDue: boolean;
  /** The last text for screen readers. */
  spoken: string | undefined;
}

/** How often durations are updated, in milliseconds. */
const tickMs = 1_000;

class Dashboard {
  readonly #client: Client;
  readonly #events: Events;
  readonly #plots = new Plots();
  readonly #topology = new TopologyPicture(byId('map-picture'));
  readonly #failovers = new Failovers();
  readonly #memories = new Map<string, Memory>();
  #status: Status | undefined;
  #records: readonly FailoverRecord[] = [];
  #touch: Touch = { kind: 'connecting' };
  #chosen = decodeURIComponent(location.hash.slice(1));
  /** How far the clock of the tunnel is ahead of the browser's, in milliseconds. */
  #aheadMs = 0;

  constructor() {
    this.#client = new Client({
      status: (status) => {
        this.#take(status);
      },
      records: (records) => {
        this.#records = records;
        this.#show();
      },
      event: (event) => {
        this.#events.add(event);
      },
      touch: (touch) => {
        this.#touched(touch);
      },
    });
    this.#events = new Events((level) => {
      this.#client.listenTo(level);
    });
    startTheme(() => {
      this.#plots.repaint();
    });
    byId('lock').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId('token');
      if (!(input instanceof HTMLInputElement) || input.value === '') return;
      this.#client.unlock(input.value);
      input.value = '';
    });
    setInterval(() => {
      this.#tick();
    }, tickMs);
    this.#client.start();
  }

  #take(status: Status): void {
    this.#status = status;
    this.#aheadMs = Date.parse(status.program.now) - Date.now();
    for (const database of status.databases) this.#remember(status, database);
    this.#show();
    void this.#readHistory();
  }

  #remember(status: Status, database: DatabaseStatus): void {
    const { name, phase, counters } = database;
    const memory = this.#memories.get(name) ?? newMemory();
    this.#memories.set(name, memory);
    const at = Date.parse(status.program.now) / 1000;
    const { latest } = memory.series;
    // The browser was suspended or disconnected while the tunnel ran on.
    if (latest && at - latest.at > gapMs / 1000) memory.isHistoryDue = true;
    memory.series.read({ at, uptimeMs: status.program.uptimeMs, counters: counters ?? undefined });
    memory.outages.read(at, phase === 'serving', Date.parse(database.since) / 1000);
    const { word, sentence } = wordingOf(database);
    const spoken = `${name}: ${word}. ${sentence}`;
    if (memory.spoken !== undefined && memory.spoken !== spoken) say(byId('spoken'), spoken);
    memory.spoken = spoken;
  }

  /** Reads the samples of the selected database that the page lacks. */
  async #readHistory(): Promise<void> {
    const name = this.#database()?.name;
    const memory = name === undefined ? undefined : this.#memories.get(name);
    if (name === undefined || !memory?.isHistoryDue) return;
    memory.isHistoryDue = false;
    const history = await this.#client.history(name);
    if (!history) {
      memory.isHistoryDue = true; // the next read asks again
      return;
    }
    memory.series.replay(readingsOf(history));
    memory.outages.replay(history);
    this.#show();
  }

  #show(): void {
    const status = this.#status;
    if (!status) return;
    const database = this.#database();
    byId('board').hidden = database === undefined;
    this.#showProgram(status);
    if (!database) return;
    const memory = this.#memories.get(database.name);
    const sample = memory?.series.latest;
    showChoice(status, database.name, (name) => {
      this.#choose(name);
    });
    showDatabase(database, sample, this.#now());
    showSentinels(status.sentinels, database);
    this.#topology.show(database.name, topologyOf(status, database), {
      open: database.counters?.open,
      held: database.counters?.held,
      upstream: sample?.upstream ?? undefined,
      downstream: sample?.downstream ?? undefined,
    });
    if (memory) this.#plots.show(memory.series, memory.outages.all, this.#now() / 1000);
    this.#failovers.show(this.#records.filter((record) => record.database === database.name));
    this.#failovers.showProgress(this.#progressText(database));
    this.#title(database);
  }

  /** @returns the text for a failover in progress; `undefined` if there is none */
  #progressText({ phase, generation, since }: DatabaseStatus): string | undefined {
    if (phase !== 'fenced' && !(phase === 'lost' && generation > 0)) return undefined;
    return `In progress: nothing served for ${lasting(this.#now() - Date.parse(since), 's')}. Its record appears when it is over.`;
  }

  #choose(name: string): void {
    this.#chosen = name;
    history.replaceState(null, '', `#${encodeURIComponent(name)}`);
    this.#show();
    void this.#readHistory();
  }

  #showProgram({ program, reasons }: Status): void {
    const { version, engine, threads, configFile, uptimeMs, state, logTrouble } = program;
    const crew = threads > 1 ? `${engine}, ${String(threads)} threads` : engine;
    say(byId('program'), `${version} · engine ${crew} · up ${lasting(uptimeMs, 's')}`);
    say(byId('config-file'), configFile ?? '');
    const notice = byId('notice');
    const isDraining = state === 'draining';
    notice.hidden = !isDraining && logTrouble === null;
    if (isDraining) say(notice, `Shutting down: ${reasons.join('; ')}`);
    else if (logTrouble !== null) say(notice, `Log lines are dropped: ${logTrouble}`);
  }

  #title(database: DatabaseStatus): void {
    const { word } = wordingOf(database);
    const state = this.#touch.kind === 'lost' ? 'Disconnected' : word;
    const title = `${state}: ${database.name} – Sentinel Tunnel`;
    const shown = printable(title);
    if (document.title !== shown) document.title = shown;
  }

  #touched(touch: Touch): void {
    this.#touch = touch;
    mark(document.documentElement, 'data-touch', touch.kind);
    const words = { connecting: 'Connecting', live: 'Live', lost: 'Disconnected', locked: 'Locked' };
    say(byId('touch'), words[touch.kind]);
    const lost = byId('lost');
    lost.hidden = touch.kind !== 'lost';
    if (touch.kind === 'lost') {
      say(byId('lost-why'), touch.why);
      say(byId('lost-since'), clockText(new Date(touch.sinceMs).toISOString()));
    }
    byId('lock').hidden = touch.kind !== 'locked';
    if (touch.kind === 'locked') {
      byId('board').hidden = true;
      byId('lock-wrong').hidden = !touch.wasWrong;
      byId('token').focus();
    }
    this.#tick();
  }

  #tick(): void {
    const touch = this.#touch;
    if (touch.kind === 'lost') say(byId('lost-for'), lasting(Date.now() - touch.sinceMs, 's'));
    const database = this.#database();
    if (!database) return;
    this.#title(database);
    if (touch.kind === 'lost')
      say(byId('phase-for'), `as of ${clockText(new Date(touch.sinceMs).toISOString())}`);
    if (touch.kind === 'live') {
      say(byId('phase-for'), `for ${lasting(this.#now() - Date.parse(sinceOf(database)), 's')}`);
      this.#failovers.showProgress(this.#progressText(database));
    }
  }

  /** The selected database. */
  #database(): DatabaseStatus | undefined {
    const databases = this.#status?.databases;
    return databases?.find(({ name }) => name === this.#chosen) ?? databases?.[0];
  }

  /** The wall clock of the tunnel, in milliseconds. */
  #now(): number {
    return Date.now() + this.#aheadMs;
  }
}

function newMemory(): Memory {
  return { series: new Series(), outages: new Outages(), isHistoryDue: true, spoken: undefined };
}

new Dashboard();
