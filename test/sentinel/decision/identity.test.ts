import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fc } from '../../support/properties.ts';
import { runIdOf } from '../../support/index.ts';
import { formatEndpoint } from '../../../src/net/endpoint.ts';
import type { Answer } from '../../../src/sentinel/links/answer.ts';
import { letterOf, Scene } from './scene.ts';

/** The Sentinels of a deployment are `a1`, `a2`, … and those of another `b1`, …; their servers are M, X, Y and P, Q. */
const ports: Readonly<Record<string, number>> = { M: 7001, X: 7002, Y: 7003, P: 8001, Q: 8002 };

function answerOf(letter: string, epoch: number): Answer & { kind: 'address' } {
  const endpoint = { host: '127.0.0.1', port: ports[letter] ?? 0 };
  return { kind: 'address', endpoint, epoch, flags: [], runId: runIdOf(letter) };
}

/** The same from a Sentinel that does not know, or may not tell, the run id of the server. */
function namelessAnswerOf(letter: string, epoch: number): Answer & { kind: 'address' } {
  return { kind: 'address', endpoint: answerOf(letter, epoch).endpoint, epoch, flags: [] };
}

class Cast extends Scene {
  /** The Sentinel `id` answers at an address. */
  says(sentinel: string, id: string, letter: string, epoch: number): this {
    return this.answered(sentinel, answerOf(letter, epoch), { id });
  }

  /** The Sentinel `id` says at an address which others and which replicas it knows. */
  lists(sentinel: string, id: string, others: readonly string[], replicas = ''): this {
    const servers = Array.from(replicas).map((letter) => ({
      endpoint: answerOf(letter, 0).endpoint,
      runId: runIdOf(letter),
      isUp: true,
    }));
    return this.hear({ kind: 'peers-listed', list: { sentinel, id, others, servers } });
  }

  /** Three Sentinels of one deployment that serve M under epoch 1. */
  static trio(): Cast {
    const cast = new Cast();
    for (const round of [1, 2])
      for (const n of ['1', '2', '3']) cast.says(`s${n}`, `a${n}`, 'M', round > 0 ? 1 : 0);
    cast.lists('s1', 'a1', ['a2', 'a3'], 'XY').lists('s2', 'a2', ['a1', 'a3'], 'XY');
    return cast.lists('s3', 'a3', ['a1', 'a2'], 'XY').probed('M', 'master');
  }

  get strangers(): readonly string[] {
    return [...this.belief.identities.strangers.keys()];
  }
}

describe('a stranger at the address of a Sentinel', () => {
  test('has no vote, whatever its epoch', () => {
    const cast = Cast.trio().says('s3', 'b1', 'P', 57).lists('s3', 'b1', []).says('s3', 'b1', 'P', 57);
    assert.equal(cast.now, 'serving M confirmed g1');
    assert.deepEqual(cast.strangers, ['s3']);
    assert.equal(cast.view().sentinels.known, 2);
  });

  test('is shown once the others have had time to list it', () => {
    const cast = Cast.trio().says('s3', 'b1', 'P', 57);
    assert.deepEqual(cast.view().strangers, []);
    cast.pass(3500);
    assert.deepEqual(
      cast.view().strangers.map(({ sentinel, id, names }) => [sentinel, id, names.port]),
      [['s3', 'b1', 8001]],
    );
    cast.says('s1', 'a1', 'M', 1).says('s2', 'a2', 'M', 1);
    assert.ok(cast.view().degraded.includes('s3 belongs to another deployment, and names 127.0.0.1:8001'));
  });

  test('begins no fence', () => {
    const cast = Cast.trio().says('s3', 'b1', 'P', 57);
    cast.ids = { s3: 'b1' };
    assert.equal(cast.promoting('s3', 'X').now, 'serving M confirmed g1');
  });

  test('is not heard where only the subscription leads to it', () => {
    const cast = Cast.trio();
    cast.ids = { s3: 'b1' };
    assert.equal(cast.promoting('s3', 'X').now, 'serving M confirmed g1');
    cast.ids = { s3: 'a3' };
    assert.equal(cast.promoting('s3', 'X').now, 'fenced X g2');
  });

  test('is no stranger any more once another Sentinel lists it', () => {
    const cast = Cast.trio().says('s3', 'a4', 'P', 2);
    assert.equal(cast.now, 'serving M confirmed g1');
    cast.lists('s1', 'a1', ['a2', 'a3', 'a4'], 'XY').says('s3', 'a4', 'P', 2);
    assert.deepEqual(cast.strangers, []);
    // It is heard, and is alone with a server that none of the others knows as a replica: a majority has to follow.
    assert.equal(cast.now, 'serving M confirmed g1');
    cast.says('s2', 'a2', 'P', 2);
    assert.equal(cast.belief.adopted?.endpoint.port, 8001);
  });

  test('is no stranger where it names a known server: a Sentinel that has lost its file', () => {
    const cast = Cast.trio().says('s3', 'a9', 'M', 1);
    assert.deepEqual(cast.strangers, []);
    // So is one that comes back after a failover that the others have seen.
    cast.says('s2', 'a8', 'X', 2).probed('X', 'master');
    assert.equal(cast.now, 'serving X confirmed g2');
  });

  test('is no stranger where it names the served master without a run id', () => {
    const cast = Cast.trio();
    const answer = namelessAnswerOf('M', 1);
    assert.deepEqual(cast.answered('s3', answer, { id: 'a9' }).strangers, []);
  });

  test('stays a stranger while the others cannot be reached', () => {
    const cast = Cast.trio().says('s3', 'b1', 'P', 57);
    for (const sentinel of ['s1', 's2'])
      cast.answered(sentinel, { kind: 'unreachable', text: 'ECONNREFUSED' }).pass(4000);
    assert.equal(cast.says('s3', 'b1', 'P', 57).now, 'serving M confirmed g1');
  });
});

describe('before the first master is adopted', () => {
  for (const order of [
    [1, 2, 3],
    [3, 2, 1],
    [3, 1, 2],
  ])
    test(`the larger deployment is taken for ours, answering in the order ${order.join(', ')}`, () => {
      const cast = new Cast();
      for (let round = 0; round < 2; round += 1)
        for (const n of order) {
          if (n === 3) cast.says('s3', 'b1', 'P', 57).lists('s3', 'b1', []);
          else cast.says(`s${String(n)}`, `a${String(n)}`, 'M', 1);
          if (n < 3) cast.lists(`s${String(n)}`, `a${String(n)}`, [`a${String(3 - n)}`], 'X');
        }
      assert.equal(cast.probed('M', 'master').now, 'serving M confirmed g1');
      assert.deepEqual(cast.strangers, ['s3']);
    });

  test('two Sentinels that know each other are no strangers, even if only one has seen a failover', () => {
    const cast = new Cast({}, ['s1', 's2']).says('s1', 'a1', 'M', 1).says('s2', 'a2', 'X', 2);
    assert.equal(cast.now, 'unknown g0');
    cast.lists('s1', 'a1', ['a2']).lists('s2', 'a2', ['a1']);
    for (let round = 0; round < 2; round += 1) cast.says('s1', 'a1', 'M', 1).says('s2', 'a2', 'X', 2);
    assert.equal(cast.probed('X', 'master').now, 'serving X confirmed g1');
  });

  test('no peer list is awaited where all agree', () => {
    const cast = new Cast().says('s1', 'a1', 'M', 1).says('s2', 'a2', 'M', 1);
    assert.equal(cast.probed('M', 'master').now, 'serving M confirmed g1');
  });
});

describe('where the deployment was replaced', () => {
  test('the configured addresses decide again, at a lower epoch too', () => {
    const cast = Cast.trio();
    for (const n of ['1', '2', '3']) {
      assert.equal(cast.now, 'serving M confirmed g1');
      cast.says(`s${n}`, `b${n}`, 'P', 0).lists(`s${n}`, `b${n}`, ['b1', 'b2', 'b3']);
    }
    for (const n of ['1', '2', '3']) cast.says(`s${n}`, `b${n}`, 'P', 0);
    cast.hear({
      kind: 'probed',
      endpoint: answerOf('P', 0).endpoint,
      role: { kind: 'master' },
      generation: cast.belief.generation,
    });
    assert.equal(cast.view().phase.kind, 'serving');
    assert.equal(cast.belief.adopted?.endpoint.port, 8001);
    assert.deepEqual(cast.strangers, []);
  });

  test('learnt Sentinels that are gone have no vote any more', () => {
    const cast = new Cast({}, ['s1']);
    for (let round = 0; round < 2; round += 1) cast.says('s1', 'a1', 'M', 1);
    cast.lists('s1', 'a1', ['a2', 'a3'], 'X');
    cast.hear({ kind: 'roster-changed', roster: { sentinels: ['s1', 'l2', 'l3'], seeds: ['s1'] } });
    cast.says('l2', 'a2', 'M', 1).says('l3', 'a3', 'M', 1).probed('M', 'master');
    assert.equal(cast.now, 'serving M confirmed g1');
    cast.says('s1', 'b1', 'P', 0);
    assert.deepEqual(cast.strangers, ['s1'], 'the learnt ones still answer');
    for (const gone of ['l2', 'l3']) cast.answered(gone, { kind: 'unreachable', text: 'EHOSTUNREACH' });
    cast.says('s1', 'b1', 'P', 0).pass(5000);
    for (let round = 0; round < 2; round += 1) cast.says('s1', 'b1', 'P', 0);
    assert.equal(cast.belief.adopted?.endpoint.port, 8001);
    assert.deepEqual(cast.strangers, ['l2', 'l3']);
  });
});

test('a reload that brings only seeds of another deployment follows them', () => {
  const cast = Cast.trio();
  cast.hear({ kind: 'roster-changed', roster: { sentinels: ['b1', 'b2'], seeds: ['b1', 'b2'] } });
  assert.equal(cast.now, 'serving M confirmed g1');
  for (let round = 0; round < 2; round += 1)
    for (const id of ['b1', 'b2']) cast.says(id, id, 'P', 0).lists(id, id, ['b1', 'b2']);
  assert.equal(cast.belief.adopted?.endpoint.port, 8001);
  assert.deepEqual(cast.strangers, []);
});

describe('where no Sentinel may list its peers', () => {
  test('a new one has a vote and is heard, unless something proves it a stranger', () => {
    const cast = new Cast();
    const ofMaster = namelessAnswerOf('M', 1);
    const ofReplica = namelessAnswerOf('X', 2);
    for (let round = 0; round < 2; round += 1)
      for (const n of ['1', '2', '3']) cast.answered(`s${n}`, ofMaster, { id: `a${n}` });
    cast.probed('M', 'master');
    cast.ids = { s3: 'a9' };
    assert.equal(cast.promoting('s3', 'X').now, 'fenced X g2');
    assert.equal(cast.answered('s3', ofReplica, { id: 'a9' }).belief.adopted?.endpoint.port, 7002);
  });
});

test('the run ids of Sentinels that answer are not forgotten', () => {
  const cast = Cast.trio();
  for (let round = 0; round < 10; round += 1)
    for (const n of ['1', '2', '3']) {
      const gone = Array.from({ length: 200 }, (_, index) => `gone-${n}-${String(round)}-${String(index)}`);
      cast.lists(`s${n}`, `a${n}`, gone);
      const answer = namelessAnswerOf('X', 2);
      assert.deepEqual(cast.answered(`s${n}`, { ...answer, epoch: 0 }, { id: `a${n}` }).strangers, []);
    }
});

describe('Sentinels that do not tell their run id', () => {
  test('count by their addresses, as before Redis 6.2', () => {
    const scene = Scene.serving().answer('s3', 'X1').probed('X', 'master');
    assert.equal(scene.now, 'serving X confirmed g2');
  });
});

/** Whatever happens: only strangers have ever named P and Q, so nobody is led there while one of ours answers. */
test('for any interleaving, the served server is never one that only a stranger named', () => {
  const sentinel = fc.constantFrom('s1', 's2', 's3');
  const ours = fc.constantFrom('a1', 'a2', 'a3');
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(fc.constant('ours'), sentinel, ours, fc.constantFrom('M', 'X'), fc.nat(3)),
    },
    {
      weight: 4,
      arbitrary: fc.tuple(
        fc.constant('stranger'),
        sentinel,
        fc.constantFrom('b1', 'b2'),
        fc.constantFrom('P', 'Q'),
        fc.nat(60),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(
        fc.constant('peers-listed'),
        sentinel,
        fc.constantFrom('a1', 'b1', 'b2'),
        fc.constant(''),
        fc.nat(1),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(
        fc.constant('promoting'),
        sentinel,
        fc.constant(''),
        fc.constantFrom('P', 'Q'),
        fc.nat(1),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constant('late'), sentinel, fc.constant(''), fc.constant(''), fc.nat(1)),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constant('pass'), sentinel, fc.constant(''), fc.constant(''), fc.nat(6000)),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(fc.constant('verify'), sentinel, fc.constant(''), fc.constant(''), fc.nat(1)),
    },
  );
  let strangers = 0;
  let served = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const cast = Cast.trio();
      // One of ours always answers: its address is the first, and no stranger gets it.
      for (const [kind, at, id, letter, number] of steps) {
        const where = at === 's1' ? 's2' : at;
        if (kind === 'ours') cast.says(id === 'a1' ? 's1' : where, id, letter, number);
        if (kind === 'stranger') cast.says(where, id, letter, number);
        if (kind === 'peers-listed')
          cast.lists(where, id, id === 'a1' ? ['a2', 'a3'] : ['b1', 'b2'], 'PQ'.repeat(id === 'a1' ? 0 : 1));
        if (kind === 'promoting') {
          cast.ids = { [where]: 'b1' };
          const from = cast.belief.adopted?.endpoint.port ?? 0;
          const to = String(ports[letter]);
          cast.published(
            where,
            '+failover-state-wait-promotion',
            `slave x 127.0.0.1 ${to} @ mymaster 127.0.0.1 ${String(from)}`,
          );
        }
        if (kind === 'late')
          cast.answered(where, { kind: 'unreachable', text: 'late', isLate: true }, { tookMs: 1000 });
        if (kind === 'pass') cast.pass(number);
        if (kind === 'verify' && cast.belief.adopted)
          cast.probed(letterOf(cast.belief.adopted.endpoint), 'master');
        if (cast.strangers.length > 0) strangers += 1;
        const { phase } = cast.view();
        const endpoint = phase.kind === 'serving' ? formatEndpoint(phase.endpoint) : undefined;
        if (endpoint !== undefined) served += 1;
        assert.ok(
          endpoint === undefined || endpoint === '127.0.0.1:7001' || endpoint === '127.0.0.1:7002',
          endpoint,
        );
        assert.ok(![8001, 8002].includes(cast.belief.adopted?.endpoint.port ?? 0), 'a stranger is believed');
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(strangers > 1000 && served > 1000, `${String(strangers)} ${String(served)}`);
});
