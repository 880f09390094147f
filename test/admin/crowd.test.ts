import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { mostUnauthenticated } from '../../src/admin/connections.ts';
import { Secret } from '../../src/net/secret.ts';
import { ask, eventually, EventStream, withoutLeaks } from '../support/index.ts';
import { Stage, token } from './stage.ts';

const bearer = { authorization: `Bearer ${token}` };
const deadline = { timeout: 60_000 };

/** Connections that begin a request and never end it; each that is closed comes again. */
class Crowd implements Disposable {
  readonly #sockets = new Set<Socket>();
  readonly #where: number;
  readonly #localAddress: string;
  readonly #againMs: number;
  #isOver = false;
  /** How many were closed. */
  closed = 0;

  constructor(where: number, many: number, againMs: number, localAddress = '127.0.0.1') {
    this.#where = where;
    this.#againMs = againMs;
    this.#localAddress = localAddress;
    for (let index = 0; index < many; index += 1) this.#come();
  }

  #come(): void {
    if (this.#isOver) return;
    const socket = connect({ port: this.#where, host: '127.0.0.1', localAddress: this.#localAddress });
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // it is closed all the same
    socket.resume();
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.closed += 1;
      setTimeout(() => {
        this.#come();
      }, this.#againMs);
    });
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

test('a probe is answered whatever slow connections there are', deadline, async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    using crowd = new Crowd(Number(stage.where), 80, 50);
    await eventually(() => crowd.closed > 0);
    for (let index = 0; index < 50; index += 1) assert.equal((await ask(stage.where, '/livez')).status, 200);
    const crowded = stage.daemon.logged.filter(({ event }) => event === 'admin.crowded');
    assert.ok(crowded.length >= 1 && crowded.length < 20, String(crowded.length));
  });
});

test('a probe from elsewhere is answered while one address comes again and again', deadline, async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    using crowd = new Crowd(Number(stage.where), 300, 0, '127.0.0.2');
    await eventually(() => crowd.closed > mostUnauthenticated);
    for (let index = 0; index < 50; index += 1) {
      const { status } = await ask(stage.where, '/readyz');
      assert.equal(status, 200);
    }
  });
});

test('a probe that is being answered keeps its connection', deadline, async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    let isAsked = false;
    let release: (silent: readonly string[]) => void = () => undefined;
    stage.daemon.alive = () => {
      isAsked = true;
      return new Promise((resolve) => (release = resolve));
    };
    const answer = ask(stage.where, '/livez');
    await eventually(() => isAsked);
    using crowd = new Crowd(Number(stage.where), 80, 50);
    await eventually(() => crowd.closed > mostUnauthenticated);
    release([]);
    assert.equal((await answer).status, 200);
  });
});

test('whoever has shown the token stays connected', deadline, async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    await using stream = await EventStream.open(stage.where, '/events', bearer);
    using crowd = new Crowd(Number(stage.where), 80, 50);
    await eventually(() => crowd.closed > mostUnauthenticated);
    stage.daemon.log.info('log.reopened', { signal: 'SIGHUP' });
    await eventually(() => stream.data().some(({ event }) => event === 'log.reopened'));
    assert.equal((await ask(stage.where, '/status', { headers: bearer })).status, 200);
  });
});

test(
  'a body is read of nobody who has not shown the token, and one that breaks off is no defect',
  deadline,
  async () => {
    await withoutLeaks(async () => {
      await using stage = await Stage.open({ token: new Secret(token) });
      const { where, daemon } = stage;
      const begun = async (path: string, headers = ''): Promise<Socket> => {
        const socket = connect(Number(where), '127.0.0.1');
        socket.on('error', () => undefined); // what matters is what it hears before
        await once(socket, 'connect');
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n`,
        );
        return socket;
      };
      for (const [path, status] of [
        ['/reload', 401],
        ['/databases/mymaster/cut', 401],
        ['/livez', 404],
        ['/nothing', 404],
      ] as const) {
        const socket = await begun(path);
        const [head] = (await once(socket, 'data')) as [Buffer];
        assert.match(head.toString(), new RegExp(`^HTTP/1.1 ${String(status)} `), path);
        socket.destroy();
      }
      const large = { method: 'POST', body: 'x'.repeat(5000) } as const;
      assert.equal((await ask(where, '/reload', large)).status, 401);
      assert.equal((await ask(where, '/reload', { ...large, headers: bearer })).status, 413);

      for (const path of ['/livez', '/nothing', '/databases/mymaster/cut', `/${'x'.repeat(4000)}`]) {
        for (const headers of ['', `Authorization: Bearer ${token}\r\n`]) {
          for (let index = 0; index < 20; index += 1) (await begun(path, headers)).resetAndDestroy();
        }
      }
      assert.equal((await ask(where, '/livez')).status, 200);
      assert.deepEqual(
        daemon.logged.filter(({ event }) => event === 'admin.defect'),
        [],
      );
      assert.deepEqual(daemon.acted, []);
    });
  },
);

test(
  'a defect that goes on is told once a second, with how often it was met, and in few words',
  deadline,
  async () => {
    await withoutLeaks(async () => {
      const stage = await Stage.open();
      stage.daemon.records = () => {
        throw new Error('x'.repeat(10_000));
      };
      const path = `/failovers?${'x'.repeat(2000)}`;
      for (let index = 0; index < 200; index += 1) assert.equal((await ask(stage.where, path)).status, 500);
      await stage[Symbol.asyncDispose]();
      const told = stage.daemon.logged.filter(({ event }) => event === 'admin.defect');
      assert.equal(
        told.reduce((sum, { fields }) => sum + Number(fields['count']), 0),
        200,
      );
      assert.ok(told.length < 20, String(told.length));
      for (const { fields } of told) assert.ok(JSON.stringify(fields).length < 1_000);
    });
  },
);
