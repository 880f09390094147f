import { eventually } from './eventually.ts';
import { FakeSentinel, type FakeSentinelScript } from './fake-sentinel.ts';
import type { RespClient } from './resp-client.ts';
import type { Source } from './through.ts';
import type { TunnelProcess } from './tunnel-process.ts';

/** A server as a Sentinel names it. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export const name = 'mymaster';

/** Three fake Sentinels that say of one master what the test wants. */
export class Trio implements AsyncDisposable {
  readonly sentinels: readonly [FakeSentinel, FakeSentinel, FakeSentinel];

  static async start(place: Place, epoch = 0, script: FakeSentinelScript = {}): Promise<Trio> {
    const start = (): Promise<FakeSentinel> => FakeSentinel.start(script);
    const trio = new Trio([await start(), await start(), await start()]);
    trio.say(place, epoch);
    return trio;
  }

  private constructor(sentinels: readonly [FakeSentinel, FakeSentinel, FakeSentinel]) {
    this.sentinels = sentinels;
  }

  get source(): Source {
    return { name, seeds: this.sentinels.map(({ seed }) => seed) };
  }

  /** All of them name this server from now on. */
  say(place: Place, epoch: number): void {
    for (const sentinel of this.sentinels) says(sentinel, place, epoch);
  }

  /** How often all of them were asked for the address. */
  get asked(): number {
    return this.sentinels.reduce((sum, sentinel) => sum + timesAsked(sentinel), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.close()));
  }
}

/** One Sentinel names this server from now on. */
export function says(sentinel: FakeSentinel, { host, port }: Place, epoch: number): void {
  sentinel.masters.set(name, { host, port, epoch });
}

export function timesAsked(sentinel: FakeSentinel): number {
  return sentinel.count('SENTINEL', 'get-master-addr-by-name');
}

/**
 * Resolves between two rounds of questions. One that changes its mind in the midst of a round gives the new address with
 * the old epoch, for that round.
 */
export async function betweenRounds(sentinel: FakeSentinel): Promise<void> {
  await eventually(() => sentinel.count('SENTINEL', 'MASTER') === timesAsked(sentinel));
}

/** What the elected leader says just before it promotes `to` in place of `from`, as soon as the tunnel listens. */
export async function announcePromotion(leader: FakeSentinel, to: Place, from: Place): Promise<void> {
  const [candidate, master] = [to, from].map(({ host, port }) => `${host} ${String(port)}`);
  const payload = `slave ${to.host}:${String(to.port)} ${candidate ?? ''} @ ${name} ${master ?? ''}`;
  await eventually(() => leader.publish('+failover-state-wait-promotion', payload) > 0);
}

/** A client through the tunnel that shows where it leads: each server of a test has its own value of `who`. */
export async function whoServes(tunnel: TunnelProcess): Promise<unknown> {
  await using client = await tunnel.connect(name);
  return await client.command('GET', 'who');
}

/** Whether this session still stands, by using it. */
export async function isAlive(client: RespClient): Promise<boolean> {
  return client.ending === undefined && (await client.command('PING')) === 'PONG';
}
