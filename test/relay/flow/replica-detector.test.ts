import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReplicaDetector, type Finding } from '../../../src/relay/flow/replica-detector.ts';
import { fc } from '../../support/properties.ts';
import { encodeCommand } from '../../support/resp.ts';

const openers = ['PING', 'AUTH', 'HELLO', 'SELECT', 'CLIENT'];
const replicating = ['REPLCONF', 'PSYNC', 'SYNC'];

/** What is found in bytes that come in these pieces; `undecided` where they end before it is known. */
function foundIn(pieces: readonly Uint8Array[]): Finding {
  const detector = new ReplicaDetector();
  for (const piece of pieces) {
    const found = detector.look(piece, 0, piece.length);
    if (found !== 'undecided') return found;
  }
  return 'undecided';
}

function found(text: string): Finding {
  return foundIn([Buffer.from(text, 'latin1')]);
}

describe('ReplicaDetector', () => {
  it('knows a replica by what redis-server sends, also where it logs in first', () => {
    const replconf = '*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n6380\r\n';
    for (const before of [
      '',
      '*1\r\n$4\r\nPING\r\n',
      '*1\r\n$4\r\nPING\r\n*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$6\r\n$5\r\nit\r\n',
    ]) {
      assert.equal(found(before), 'undecided', before);
      assert.equal(found(before + replconf), 'replica', before);
      assert.equal(found(`${before}*3\r\n$5\r\npSync\r\n$1\r\n?\r\n$2\r\n-1\r\n`), 'replica', before);
      assert.equal(found(`${before}*1\r\n$4\r\nSYNC\r\n`), 'replica', before);
    }
  });

  it('knows one that sends lines, as redis-cli --rdb and old servers do', () => {
    assert.equal(found('PING\r\nSYNC\r\n'), 'replica');
    assert.equal(found('\r\n  psync ? -1\r\n'), 'replica');
    assert.equal(found('PING\n'), 'undecided');
    assert.equal(found('SYNCHRONISE\r\n'), 'other');
    assert.equal(found('GET SYNC\r\nSYNC\r\n'), 'other');
  });

  it('looks no further than the first command of an ordinary client', () => {
    const hello =
      '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*4\r\n$6\r\nCLIENT\r\n$7\r\nSETINFO\r\n$7\r\nLIB-VER\r\n$1\r\n1\r\n';
    assert.equal(found(hello), 'undecided');
    assert.equal(found(`${hello}*2\r\n$3\r\nGET\r\n$5\r\nPSYNC\r\n*1\r\n$4\r\nSYNC\r\n`), 'other');
    assert.equal(found('*2\r\n$4\r\nECHO\r\n$4\r\nSYNC\r\n'), 'other');
    assert.equal(found('*1\r\n$4\r\nSYN'), 'undecided');
  });

  it('does not take an argument for a command, whatever it is like', () => {
    assert.equal(found('*2\r\n$4\r\nPING\r\n$18\r\n*1\r\n$4\r\nSYNC\r\nGET \r\n'), 'undecided');
    assert.equal(found('*2\r\n$4\r\nPING\r\n$0\r\n\r\n*1\r\n$4\r\nSYNC\r\n'), 'replica');
  });

  it('gives up on what is no command, and on a client that only greets', () => {
    for (const text of [
      '*x',
      '*1\r\n:',
      '*1\r\n$0',
      '*1\r\n$9',
      '$4',
      '\0',
      '\xff',
      '*99999',
      '*1\r\n$99999999999',
    ])
      assert.equal(found(`${text}\r\n\r\n`), 'other', text);
    assert.equal(found('*1\r\n$4\r\nPING\r\n'.repeat(1000)), 'other');
    assert.equal(found(`*2\r\n$4\r\nAUTH\r\n$4000\r\n${'x'.repeat(4000)}\r\n`), 'undecided');
    assert.equal(found(`*2\r\n$4\r\nAUTH\r\n$4096\r\n${'x'.repeat(4096)}\r\n*1\r\n$4\r\nSYNC\r\n`), 'other');
  });

  it('looks only where it is told to', () => {
    const bytes = Buffer.from('SYNC\r\nPING\r\nSYNC\r\n');
    assert.equal(new ReplicaDetector().look(bytes, 6, 12), 'undecided');
    assert.equal(new ReplicaDetector().look(bytes, 6, bytes.length), 'replica');
  });

  const argument = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const commandOf = (names: readonly string[]): fc.Arbitrary<readonly (string | Buffer)[]> =>
    fc
      .tuple(fc.constantFrom(...names), fc.array(argument, { maxLength: 4 }))
      .map(([name, more]) => [name, ...more]);

  it('finds the same however the bytes are split', () => {
    fc.assert(
      fc.property(
        fc.array(commandOf(openers), { maxLength: 6 }),
        commandOf([...replicating, 'GET', 'SET', 'MULTI', 'SUBSCRIBE', 'COMMANDX']),
        fc.array(fc.nat(), { maxLength: 12 }),
        (before, last, cuts) => {
          const bytes = Buffer.concat([...before, last].map((command) => encodeCommand(command)));
          const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
          places.sort((one, other) => one - other);
          const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
          const expected = replicating.includes(String(last[0])) ? 'replica' : 'other';
          assert.equal(foundIn([bytes]), expected);
          assert.equal(foundIn(pieces), expected);
          assert.equal(foundIn(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected);
        },
      ),
    );
  });

  it('finds the same in any bytes however they are split, and ends within its bound', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom('*', '$', '\r\n', '1', '4', 'PING', 'SYNC', 'AUTH', '*1\r\n$4\r\n')
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const bytes = Buffer.concat(pieces);
        assert.equal(foundIn(pieces), foundIn([bytes]));
        const full = Buffer.concat([bytes, Buffer.alloc(4096, '\r\n')]);
        assert.notEqual(foundIn([full]), 'undecided');
      }),
    );
  });
});
