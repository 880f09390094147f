import { z } from 'zod';
import { logLevels } from '../telemetry/log.ts';
import { readMapSource, readMapTarget, sourceKey } from './addresses.ts';
import {
  choice,
  credentials,
  endpoint,
  limits,
  listenAddress,
  listener,
  listeners,
  listenListWanted,
  mapping,
  milliseconds,
  redis,
  tls,
  truth,
  whole,
} from './schema-parts.ts';

const nameWanted = { error: 'the name of a master in Sentinel, as printable text' };

const database = z.strictObject(
  {
    name: z
      .string(nameWanted)
      .regex(/^[^\p{Cc}\s](?:[^\p{Cc}]*[^\p{Cc}\s])?$/u, nameWanted)
      .meta({
        description:
          'The name of the master in Sentinel (`sentinel monitor NAME`). For Redis Enterprise the database name, for example `db1@internal`.',
      }),
    listen: z
      .union([listenAddress, listener, z.array(listeners).min(1, listenListWanted)], listenListWanted)
      .meta({
        description:
          'Where clients connect: `"host:port"`, a bare port (on 127.0.0.1), `"unix:/path"`, an object with the keys below, or a list of these. Port 0 lets the kernel choose.',
      }),
    failover: choice('promoted', 'announced').default('promoted').meta({
      description:
        '`promoted`: cut and hold clients at the first announcement of a failover, and serve the new master as soon as it says that it is master. `announced`: wait until Sentinel answers with the new address.',
    }),
    onSentinelLoss: choice('serve', 'refuse').default('serve').meta({
      description: 'While fewer than a majority of the known Sentinels answer: go on serving, or refuse.',
    }),
    ...limits,
    redis: redis
      .optional()
      .meta({ description: 'The same as `redis` at the top, for the servers of this master alone.' }),
  },
  mapping,
);

const adminWanted = { error: '"off", or a mapping of keys to values' };
const tokenWanted = { error: 'a text' };
const hostsWanted = { error: 'a list of host names without ports' };

const admin = z.strictObject(
  {
    listen: listenAddress.optional().meta({
      description:
        'Where probes, metrics and operators connect: like `databases[].listen`, one address. `127.0.0.1:9121` unless set. Other addresses than those of loopback and unix sockets need a token.',
    }),
    token: z.string(tokenWanted).optional().meta({
      description:
        'A request with `Authorization: Bearer TOKEN` may read everything and act; at least 16 characters. Without a token, everyone who can connect may read, and nobody may act.',
    }),
    tokenFile: z
      .string({ error: 'a path' })
      .min(1, { error: 'a path' })
      .optional()
      .meta({ description: 'A file with the token on its only line, instead of `token`.' }),
    hosts: z
      .array(z.string(hostsWanted).regex(/^[\w.-]+$/, hostsWanted), hostsWanted)
      .default([])
      .meta({
        description:
          'Names under which it is reached, besides `localhost` and the address it listens on: a browser that uses another name is refused.',
      }),
  },
  adminWanted,
);

const mapWanted = { error: 'a mapping of announced addresses to addresses' };
const targetWanted = { error: '"host:port", "host" or ":port" to connect to' };
const mapTarget = z.string(targetWanted).refine((text) => readMapTarget(text) !== undefined, targetWanted);

function assertSources(map: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  const seen = new Map<string, string>();
  for (const key of Object.keys(map)) {
    const from = readMapSource(key);
    if (!from) {
      const message = 'a key that is "host:port", "host" or a network such as "172.18.0.0/16"';
      context.addIssue({ code: 'custom', path: [key], message });
      continue;
    }
    const same = seen.get(sourceKey(from));
    if (same !== undefined)
      context.addIssue({
        code: 'custom',
        path: [key],
        message: `no other key for what "${same}" says already`,
      });
    seen.set(sourceKey(from), key);
  }
}

const sentinelsWanted = { error: 'a list of at least one "host:port"' };
const databasesWanted = { error: 'a list of at least one database' };

/** The configuration as it is written. What each key means stands here and nowhere else. */
export const configSchema = z
  .strictObject(
    {
      sentinels: z.array(endpoint, sentinelsWanted).min(1, sentinelsWanted).meta({
        description: 'The Sentinels to ask, in order of preference: `"host:port"`, `"[v6]:port"`.',
      }),
      sentinel: z
        .strictObject(
          {
            ...credentials,
            tls,
            discover: z
              .boolean(truth)
              .default(true)
              .meta({ description: 'Also use the Sentinels that the configured ones name.' }),
            replyMs: milliseconds(1).default(1000).meta({
              description:
                'A Sentinel that takes longer than this to answer is reported as down, in milliseconds; a late answer still counts, for up to 5 s.',
            }),
            pollMs: milliseconds(10).default(1000).meta({
              description:
                'How often every Sentinel is asked, in milliseconds, whatever it announces in between.',
            }),
          },
          mapping,
        )
        .prefault({})
        .meta({ description: 'How to speak to Sentinels.' }),
      redis: redis.prefault({}).meta({
        description:
          'How to speak to Redis. User and password are for asking a server for its ROLE, and never used for a connection of a client; TLS and the port are for those too.',
      }),
      databases: z
        .array(database, databasesWanted)
        .min(1, databasesWanted)
        .meta({ description: 'The masters, and where to listen for each.' }),
      addressMap: z.record(z.string(), mapTarget, mapWanted).superRefine(assertSources).default({}).meta({
        description:
          'Where to connect to servers whose announced addresses cannot be reached from here (NAT, containers): from `"host:port"`, `"host"` or a network (`"172.18.0.0/16"`) to `"host:port"`, `"host"` or `":port"`. The most specific key wins. For a host or a network, `":port"` is for servers of Redis alone, not for Sentinels.',
      }),
      admin: z
        .union([z.literal('off'), z.literal(false), admin], adminWanted)
        .optional()
        .meta({
          description:
            'The listener for probes, metrics and operators: `off` (`false` says the same), or an object with the keys below. `sentinel-tunnel run` has one unless this says `off`; the call of the original has none unless it is configured.',
        }),
      engine: choice('auto', 'io_uring', 'epoll', 'streams').default('auto').meta({
        description: 'What carries the bytes. `auto` takes the fastest that works here and says so.',
      }),
      threads: whole(1, 256)
        .default(1)
        .meta({ description: 'Worker threads of the engines `io_uring` and `epoll`.' }),
      maxConnections: whole(1, 1_000_000).default(1_000_000).meta({
        description: 'Connections at once, of all databases together. One more is refused.',
      }),
      drainMs: milliseconds(0).default(10_000).meta({
        description:
          'How long sessions may go on after a stop was asked for, in milliseconds. 0 cuts at once.',
      }),
      log: z
        .strictObject(
          {
            level: choice(...logLevels)
              .default('info')
              .meta({ description: 'Log events of this level and above.' }),
            format: choice('auto', 'json', 'pretty')
              .default('auto')
              .meta({ description: '`auto`: sentences on a terminal, JSON lines otherwise.' }),
            file: z
              .string({ error: 'a path, or "-" for standard output' })
              .min(1, { error: 'a path, or "-" for standard output' })
              .default('-')
              .meta({ description: 'A path to append to, or `-` for standard output.' }),
          },
          mapping,
        )
        .prefault({})
        .meta({ description: 'The log.' }),
    },
    mapping,
  )
  .meta({ title: 'Configuration of Sentinel Tunnel' });

export type ConfigInput = z.output<typeof configSchema>;
export type ListenerInput = z.output<typeof listeners>;
