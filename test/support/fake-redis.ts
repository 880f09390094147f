import { FakeServer, type Answer, type FakeConnection, type Manners } from './fake-server.ts';
import { ReplyError } from './resp.ts';

export interface FakeRedisScript extends Manners {
  readonly role?: 'master' | 'slave';
  /** Asked first; undefined goes on to the ordinary answer. */
  readonly answer?: (command: readonly string[], connection: FakeConnection) => Answer | undefined;
}

/** A Redis that knows PING, ECHO, ROLE, SET, GET and INCR, in the role the test gives it. */
export class FakeRedis implements AsyncDisposable {
  readonly server: FakeServer;
  readonly values = new Map<string, string>();
  role: 'master' | 'slave';
  /** Asked first; undefined goes on to the ordinary answer. */
  script: FakeRedisScript['answer'];

  static async start(script: FakeRedisScript = {}): Promise<FakeRedis> {
    return new FakeRedis(await FakeServer.listen(() => 'hang', script), script);
  }

  private constructor(server: FakeServer, script: FakeRedisScript) {
    this.server = server;
    this.role = script.role ?? 'master';
    this.script = script.answer;
    server.answer = (command, connection) => this.script?.(command, connection) ?? this.#answer(command);
  }

  get host(): string {
    return this.server.host;
  }

  get port(): number {
    return this.server.port;
  }

  get asked(): readonly (readonly string[])[] {
    return this.server.asked;
  }

  get accepted(): number {
    return this.server.accepted;
  }

  count(...words: string[]): number {
    return this.server.count(...words);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #answer([name = '', key = '', value = '']: readonly string[]): Answer {
    switch (name) {
      case 'PING':
        return { raw: '+PONG\r\n' };
      case 'ECHO':
        return { reply: key };
      case 'ROLE':
        return {
          reply: this.role === 'master' ? ['master', 0, []] : ['slave', '127.0.0.1', 1, 'connected', 0],
        };
      case 'GET':
        return this.values.has(key) ? { reply: this.values.get(key) ?? '' } : { raw: '$-1\r\n' };
      case 'SET':
      case 'INCR':
        return this.#write(name, key, value);
      default:
        return { reply: new ReplyError(`ERR unknown command '${name}', with args beginning with: `) };
    }
  }

  #write(name: 'SET' | 'INCR', key: string, value: string): Answer {
    if (this.role !== 'master') {
      return { reply: new ReplyError("READONLY You can't write against a read only replica.") };
    }
    const next = name === 'INCR' ? Number(this.values.get(key) ?? 0) + 1 : value;
    this.values.set(key, String(next));
    return typeof next === 'number' ? { reply: next } : { raw: '+OK\r\n' };
  }
}
