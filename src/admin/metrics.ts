import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, Registry, type Metric, type OpenMetricsContentType } from 'prom-client';
import { families, type Family, type Labels, type Sample } from './families.ts';
import { openDescriptors } from './open-descriptors.ts';
import type { Overview } from './callbacks.ts';

/** A scrape, ready to be sent. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

/** Of what prom-client tells of the process, that which a person looks at. All of it, and no more, is kept. */
export const processFamilies = [
  'process_cpu_user_seconds_total',
  'process_cpu_system_seconds_total',
  'process_cpu_seconds_total',
  'process_start_time_seconds',
  'process_resident_memory_bytes',
  'process_open_fds',
  'process_max_fds',
  'nodejs_heap_size_total_bytes',
  'nodejs_heap_size_used_bytes',
] as const;

/** What a registry of prom-client asks of a metric. */
interface Printed {
  name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly unknown[];
}

/**
 * The metrics of one daemon, read out of its overview when somebody asks: nothing is counted for them on the way of a
 * byte. Printed as Prometheus text or as OpenMetrics.
 */
export class Metrics {
  readonly #overview: () => Overview;
  readonly #prometheus = new Registry();
  readonly #open = openMetrics();
  readonly #running = new Map<Registry | Registry<OpenMetricsContentType>, Promise<Scrape>>();
  #seen: Overview | undefined;
  #turns: Promise<unknown> = Promise.resolve();

  constructor(overview: () => Overview) {
    this.#overview = overview;
    // Each registry has metrics of its own, for printing OpenMetrics strips `_total` off the names for good.
    for (const registry of [this.#prometheus, this.#open] as const) {
      for (const family of families)
        register(registry, family, async () => {
          await this.#turn();
          return samplesOf(family, this.#look());
        });
      for (const metric of processMetrics())
        register(registry, metric, async () => (await metric.get()).values);
    }
  }

  /**
   * Those who ask while one is made get that one.
   *
   * @param accept the header of the request
   */
  scrape(accept: string | undefined): Promise<Scrape> {
    const registry = accept?.includes('application/openmetrics-text') ? this.#open : this.#prometheus;
    const running = this.#running.get(registry) ?? this.#scrape(registry);
    this.#running.set(registry, running);
    return running;
  }

  async #scrape(registry: Registry | Registry<OpenMetricsContentType>): Promise<Scrape> {
    this.#seen = undefined; // made anew, once per scrape
    try {
      return { contentType: registry.contentType, text: await registry.metrics() };
    } finally {
      this.#running.delete(registry);
    }
  }

  /** One family in a turn of the event loop: printing those of a thousand databases at once would keep everything else waiting. */
  async #turn(): Promise<void> {
    const turn = this.#turns.then(() => nextTurn());
    this.#turns = turn;
    await turn;
  }

  #look(): Overview {
    this.#seen ??= this.#overview();
    return this.#seen;
  }
}

/** The types of prom-client know a constructor without arguments alone. */
function openMetrics(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/** Puts a metric into a registry by the only methods that the registry calls. */
function register(
  registry: Registry | Registry<OpenMetricsContentType>,
  { name, help, type }: Pick<Printed, 'name' | 'help' | 'type'>,
  read: () => readonly unknown[] | Promise<readonly unknown[]>,
): void {
  const metric = {
    ...{ name, help, type },
    async get(): Promise<Printed> {
      return { name: this.name, help, type, values: await read() };
    },
  };
  registry.registerMetric(metric as unknown as Metric);
}

interface ProcessMetric extends Pick<Printed, 'name' | 'help' | 'type'> {
  get(): Promise<{ readonly values: readonly unknown[] }>;
}

let collected: readonly ProcessMetric[] | undefined;

/** That of prom-client lists every descriptor at every scrape, which is most of what a scrape would cost. */
function withOwnCount({ name, help, type }: ProcessMetric): ProcessMetric {
  return {
    ...{ name, help, type },
    get: () => {
      const value = openDescriptors();
      return Promise.resolve({ values: value === undefined ? [] : [{ labels: {}, value }] });
    },
  };
}

/**
 * By default prom-client looks at the event loop every 10 ms, which wakes an idle process a hundred times a second. The
 * longest time that a timer of Node takes, in milliseconds: its figures are not kept, for `loop_lag_seconds` tells them.
 */
const never = 2_147_483_647;

/** There is one process, so these are collected once, however many daemons live in it. */
function processMetrics(): readonly ProcessMetric[] {
  if (collected) return collected;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: never });
  const wanted: readonly string[] = processFamilies;
  collected = (registry.getMetricsAsArray() as unknown as readonly ProcessMetric[])
    .filter(({ name }) => wanted.includes(name))
    .map((metric) => (metric.name === 'process_open_fds' ? withOwnCount(metric) : metric));
  return collected;
}

function samplesOf({ name, read }: Family, overview: Overview): readonly unknown[] {
  return read(overview).flatMap((sample) => printed(name, sample));
}

function printed(name: string, { labels, value }: Sample): readonly object[] {
  if (typeof value === 'number') return [{ labels, value }];
  let count = 0;
  const buckets = value.counts.map((more, index) => {
    count += more;
    const le = value.bounds[index] ?? '+Inf';
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: String(le) } satisfies Labels,
      value: count,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: value.sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
