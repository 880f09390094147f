import { setImmediate as nextTick } from 'node:timers/promises';
import { collectDefaultMetrics, Registry, type Metric, type OpenMetricsContentType } from 'prom-client';
import { families, type Family, type Labels, type Sample } from './metric-families.ts';
import { openDescriptors } from './open-descriptors.ts';
import type { Overview } from './callbacks.ts';

/** A scrape, ready to be sent. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

/** The process metrics of prom-client that are exported. */
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

/** The part of a metric that a registry of prom-client reads. */
interface Printed {
  name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly unknown[];
}

/**
 * The metrics of one daemon, read from its overview at each scrape; the data plane counts nothing extra for them. Prints Prometheus
 * text or OpenMetrics.
 */
export class Metrics {
  readonly #overview: () => Overview;
  readonly #prometheus = new Registry();
  readonly #open = openMetrics();
  readonly #running = new Map<Registry | Registry<OpenMetricsContentType>, Promise<Scrape>>();
  #current: Overview | undefined;
  #ticks: Promise<unknown> = Promise.resolve();

  constructor(overview: () => Overview) {
    this.#overview = overview;
    // Each registry has metrics of its own, for printing OpenMetrics strips `_total` off the names for good.
    for (const registry of [this.#prometheus, this.#open] as const) {
      for (const family of families)
        register(registry, family, async () => {
          await this.#tick();
          return samplesOf(family, this.#look());
        });
      for (const metric of processMetrics())
        register(registry, metric, async () => (await metric.get()).values);
    }
  }

  /**
   * Concurrent calls share one scrape.
   *
   * @param accept the `Accept` header of the request
   */
  scrape(accept: string | undefined): Promise<Scrape> {
    const registry = accept?.includes('application/openmetrics-text') ? this.#open : this.#prometheus;
    const running = this.#running.get(registry) ?? this.#scrape(registry);
    this.#running.set(registry, running);
    return running;
  }

  async #scrape(registry: Registry | Registry<OpenMetricsContentType>): Promise<Scrape> {
    this.#current = undefined; // read once per scrape
    try {
      return { contentType: registry.contentType, text: await registry.metrics() };
    } finally {
      this.#running.delete(registry);
    }
  }

  /** One family per loop iteration: printing those of a thousand databases at once would block the main thread. */
  async #tick(): Promise<void> {
    const tick = this.#ticks.then(() => nextTick());
    this.#ticks = tick;
    await tick;
  }

  #look(): Overview {
    this.#current ??= this.#overview();
    return this.#current;
  }
}

/** The types of prom-client allow only a constructor without arguments. */
function openMetrics(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/** Registers a metric with the only methods that the registry calls. */
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

/** The metric of prom-client lists every descriptor, which would be most of the cost of a scrape. */
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
 * The longest timer of Node, in milliseconds. By default prom-client checks the event loop every 10 ms, which wakes an idle process
 * a hundred times a second; `loop_lag_seconds` replaces its figures.
 */
const never = 2_147_483_647;

/** Collected once per process, also with several daemons in it. */
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
