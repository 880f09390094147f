import { createHash } from 'node:crypto';
import { FakeServer, type Answer, type FakeConnection, type Manners } from './fake-server.ts';
import { ReplyError, type Reply } from './resp.ts';

/** Another Sentinel, or a replica, as a fake Sentinel names it. */
export interface FakePeer {
  readonly host: string;
  readonly port: number;
  readonly flags?: string;
  readonly runId?: string;
}

/** What a fake Sentinel says of one master. */
export interface FakeMaster {
  readonly host: string;
  readonly port: number | string;
  readonly epoch?: number;
  readonly flags?: string;
  /** Of the server; one that belongs to its address where it is left out. */
  readonly runId?: string;
  /** `host:port` of the other Sentinels it names. */
  readonly sentinels?: readonly FakePeer[];
  readonly replicas?: readonly FakePeer[];
}

export interface FakeSentinelScript extends Manners {
  /** Its run id; where it is left out it does not know `SENTINEL MYID`, as before Redis 6.2. */
  readonly id?: string;
  /** By master name. A name that is missing gets a null, as from a real Sentinel. */
  readonly masters?: Readonly<Record<string, FakeMaster>>;
  /** Asked first; undefined goes on to the ordinary answer. */
  readonly answer?: (command: readonly string[], connection: FakeConnection) => Answer | undefined;
}

/** A Sentinel that says what the test wants. Its masters can be changed while it runs. */
export class FakeSentinel implements AsyncDisposable {
  readonly server: FakeServer;
  readonly masters: Map<string, FakeMaster>;
  readonly id: string | undefined;
  /** Asked first; undefined goes on to the ordinary answer. */
  script: FakeSentinelScript['answer'];

  static async start(script: FakeSentinelScript = {}): Promise<FakeSentinel> {
    return new FakeSentinel(await FakeServer.listen(() => 'hang', script), script);
  }

  /** One that knows a single master, `mymaster`: this server. */
  static async naming({ host, port }: FakePeer): Promise<FakeSentinel> {
    return await FakeSentinel.start({ masters: { mymaster: { host, port } } });
  }

  private constructor(server: FakeServer, script: FakeSentinelScript) {
    this.server = server;
    this.masters = new Map(Object.entries(script.masters ?? {}));
    this.script = script.answer;
    this.id = script.id;
    server.answer = (command, connection) =>
      this.script?.(command, connection) ?? this.#answer(command, connection);
  }

  get host(): string {
    return this.server.host;
  }

  get port(): number {
    return this.server.port;
  }

  /** `host:port`. */
  get seed(): string {
    return `${this.host}:${this.port}`;
  }

  /** Every command it was asked. */
  get asked(): readonly (readonly string[])[] {
    return this.server.asked;
  }

  /** How many connections it has accepted. */
  get accepted(): number {
    return this.server.accepted;
  }

  count(...words: string[]): number {
    return this.server.count(...words);
  }

  publish(channel: string, payload: string): number {
    return this.server.publish(channel, payload);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #answer(command: readonly string[], connection: FakeConnection): Answer {
    const [name = '', second = '', third = ''] = command;
    switch (name) {
      case 'PING':
        return connection.channels.size > 0 ? { reply: ['pong', ''] } : { raw: '+PONG\r\n' };
      case 'AUTH':
      case 'CLIENT':
        return { raw: '+OK\r\n' };
      case 'SUBSCRIBE':
        connection.channels.add(second);
        return { reply: ['subscribe', second, connection.channels.size] };
      case 'SENTINEL':
        return { reply: this.#sentinel(second.toLowerCase(), third) };
      default:
        return { reply: new ReplyError(`ERR unknown command '${name}', with args beginning with: `) };
    }
  }

  #sentinel(subcommand: string, name: string): Reply {
    if (subcommand === 'masters')
      return [...this.masters].map(([each, facts]) => describeMaster(each, facts));
    if (subcommand === 'myid' && this.id !== undefined) return this.id;
    const master = this.masters.get(name);
    if (subcommand === 'get-master-addr-by-name') return master ? [master.host, String(master.port)] : null;
    if (!master) return new ReplyError('ERR No such master with that name');
    switch (subcommand) {
      case 'master':
        return describeMaster(name, master);
      case 'sentinels':
        return (master.sentinels ?? []).map((row) => describePeer('sentinel', row));
      case 'replicas':
      case 'slaves':
        return (master.replicas ?? []).map((row) => describePeer('slave', row));
      default:
        return new ReplyError(`ERR unknown subcommand '${subcommand}'. Try SENTINEL HELP.`);
    }
  }
}

function describeMaster(name: string, master: FakeMaster): Reply {
  return [
    ...['name', name, 'ip', master.host, 'port', String(master.port)],
    ...['runid', master.runId ?? runIdOf(`${master.host}:${String(master.port)}`)],
    ...['flags', master.flags ?? 'master', 'config-epoch', String(master.epoch ?? 0)],
    ...['num-slaves', String(master.replicas?.length ?? 0)],
    ...['num-other-sentinels', String(master.sentinels?.length ?? 0), 'quorum', '2'],
  ];
}

function describePeer(kind: string, { host, port, flags, runId }: FakePeer): Reply {
  const address = `${host}:${String(port)}`;
  return [
    ...['name', address, 'ip', host, 'port', String(port)],
    ...(runId === undefined ? [] : ['runid', runId]),
    ...['flags', flags ?? kind],
  ];
}

/** A run id, the same for the same text. */
export function runIdOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** Replies that no Sentinel should give, by what is wrong with them. Each stands for the reply to every command. */
export const badReplies = {
  garbage: '\x00\xff\x13garbage that is no reply\r\n\r\n',
  http: 'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request',
  wrongtype: ':42\r\n',
  short: '*2\r\n$9\r\n127.0.0.1\r\n$5\r\n170', // and then nothing
  oneElement: '*1\r\n$9\r\n127.0.0.1\r\n',
  hugeBulk: '*2\r\n$536870912\r\n',
  hugeArray: '*1048576\r\n',
  deepArray: '*1\r\n'.repeat(10_000),
  badport: '*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n',
  portZero: '*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n',
  portText: '*2\r\n$9\r\n127.0.0.1\r\n$5\r\nredis\r\n',
  emptyhost: '*2\r\n$0\r\n\r\n$5\r\n17001\r\n',
  idontknow: '-IDONTKNOW I have not enough information to reply. Please ask another Sentinel.\r\n',
  noauth: '-NOAUTH Authentication required.\r\n',
  wrongpass: '-WRONGPASS invalid username-password pair or user is disabled.\r\n',
  loading: '-LOADING Redis is loading the dataset in memory\r\n',
  maxclients: '-ERR max number of clients reached\r\n',
  denied: '-DENIED Redis is running in protected mode because protected mode is enabled\r\n',
  null: '*-1\r\n',
} as const;
