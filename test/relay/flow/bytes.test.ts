import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeConnection } from '../fake-connection.ts';
import { FlowRig, type Happening } from './flow-rig.ts';

type Closed = FakeConnection['closed'];

describe('BytesFlow', () => {
  it('carries bytes as they are, both ways, and counts them', () => {
    const rig = new FlowRig();
    rig.ask('SET a ');
    rig.ask('\0\xff\r\n');
    rig.reply('+O');
    rig.reply('K\r\n');
    assert.equal(rig.upstream.written, 'SET a \0\xff\r\n');
    assert.equal(rig.client.written, '+OK\r\n');
    assert.deepEqual([rig.flow.upstreamBytes, rig.flow.downstreamBytes], [10, 5]);
    assert.deepEqual(rig.counted, { upstream: 10, downstream: 5 });
  });

  it('carries what either side has sent before it was attached', () => {
    const upstream = new FakeConnection();
    upstream.receive('-ERR max number of clients reached\r\n');
    upstream.endPeerUnnoticed();
    const rig = new FlowRig({ upstream });
    assert.equal(rig.client.written, '-ERR max number of clients reached\r\n');
    assert.equal(rig.client.hasEnded, true);
    assert.deepEqual(rig.reports, ['first reply', 'server dropped', 'half-closed by upstream']);
  });

  for (const [who, fast, slow, send] of [
    ['a server', 'client', 'upstream', 'ask'],
    ['a client', 'upstream', 'client', 'reply'],
  ] as const) {
    it(`reads no more for ${who} that is slow until all of it is sent`, () => {
      const rig = new FlowRig();
      rig[slow].block();
      rig[send]('one ');
      assert.equal(rig[fast].isPaused, true);
      rig[send]('two ');
      assert.equal(rig[slow].written, 'one ');
      assert.equal(rig[slow].isPaused, false, 'the other direction goes on');
      rig[slow].flush();
      assert.equal(rig[fast].isPaused, false);
      assert.equal(rig[slow].written, 'one two ');
    });

    it(`keeps the order of what was received before the reading stopped for ${who}`, () => {
      const rig = new FlowRig();
      rig[slow].block();
      rig[send]('one ');
      rig[send]('two ');
      rig[fast].receiveThoughPaused('three ');
      rig[slow].flush();
      rig[send]('four');
      assert.equal(rig[slow].written, 'one two three four');
    });
  }

  it('reports the first reply once', () => {
    const rig = new FlowRig();
    rig.ask('PING\r\n');
    assert.deepEqual(rig.reports, []);
    rig.reply('+PONG\r\n');
    rig.reply('+PONG\r\n');
    assert.deepEqual(rig.reports, ['first reply']);
  });

  it('reports a suspect word only at the head of what a server sends', () => {
    const rig = new FlowRig();
    rig.reply('$24\r\n-READONLY\r\n-MASTERDOWN \r\n');
    rig.reply('+OK\r\n-LOADING\r\n');
    rig.ask('-READONLY\r\n');
    rig.reply('-ERR READONLY\r\n');
    assert.deepEqual(rig.reports.splice(0), ['first reply']);
    rig.reply("-READONLY You can't write against a read only replica.\r\n");
    rig.reply('-MASTERDOWN Link with MASTER is down\r\n+OK\r\n');
    rig.reply('-LOADING Redis is loading the dataset in memory\r\n');
    assert.deepEqual(rig.reports, ['READONLY', 'MASTERDOWN', 'LOADING']);
  });

  it('counts as unanswered from a request to the first bytes that come back', () => {
    const rig = new FlowRig();
    assert.equal(rig.flow.isUnanswered, false);
    rig.ask('GET a\r\n');
    assert.equal(rig.flow.isUnanswered, true);
    rig.reply('$1');
    assert.equal(rig.flow.isUnanswered, false);
    rig.ask('GET b\r\n');
    rig.reply('\r\n1\r\n');
    rig.ask('G');
    assert.equal(rig.flow.isUnanswered, true);
  });

  it('cannot go on without its upstream', () => {
    assert.equal(new FlowRig().flow.upstreamLost(), 'cut');
  });
});

describe('BytesFlow, at an end', () => {
  interface Row {
    readonly when: readonly Happening[];
    readonly reports: readonly string[];
    /** What has become of the connections of the client and of the server. */
    readonly closed: readonly [Closed, Closed];
    readonly promise: string;
  }
  const open = [undefined, undefined] as const;
  const both = ['close', 'close'] as const;
  const rows: readonly Row[] = [
    {
      promise: 'passes on the end of a client, and lets the server go on',
      when: ['the client ends'],
      reports: ['half-closed by downstream'],
      closed: open,
    },
    {
      promise: 'closes both when the server ends after its client',
      when: ['the client ends', 'the server ends'],
      reports: ['half-closed by downstream', 'finished by downstream'],
      closed: both,
    },
    {
      promise: 'reports the end of a server that nobody asked for, before the half-close',
      when: ['the server ends'],
      reports: ['server dropped', 'half-closed by upstream'],
      closed: open,
    },
    {
      promise: 'closes both when the client ends after its server, and names the server',
      when: ['the server ends', 'the client ends'],
      reports: ['server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: both,
    },
    {
      promise: 'does not report the end of a server that the client asked for by QUIT',
      when: ['the client quits', 'the server ends', 'the client ends'],
      reports: ['half-closed by upstream', 'finished by upstream'],
      closed: both,
    },
    {
      promise: 'does not report that a server breaks off after QUIT',
      when: ['the client quits', 'the server breaks off'],
      reports: ['finished by upstream'],
      closed: ['close', 'gone'],
    },
    {
      promise: 'reports the end of a server after QUIT where the client asked something else since',
      when: ['the client quits', 'the client asks', 'the server ends'],
      reports: ['server dropped', 'half-closed by upstream'],
      closed: open,
    },
    {
      promise: 'closes only when the client has taken all, where both have ended',
      when: ['the client is slow', 'the server replies', 'the client ends', 'the server ends'],
      reports: ['first reply', 'half-closed by downstream'],
      closed: open,
    },
    {
      promise: 'closes when the client has taken all, where both have ended before',
      when: [
        'the client is slow',
        'the server replies',
        'the client ends',
        'the client has taken all',
        'the server ends',
      ],
      reports: ['first reply', 'half-closed by downstream', 'finished by downstream'],
      closed: both,
    },
    {
      promise: 'closes only when the server has taken all, where both have ended',
      when: [
        'the server is slow',
        'the client asks',
        'the server ends',
        'the server has taken all',
        'the client ends',
      ],
      reports: ['server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: both,
    },
    {
      promise: 'ends at once when the client breaks off',
      when: ['the client breaks off'],
      reports: ['finished by downstream'],
      closed: ['gone', 'close'],
    },
    {
      promise: 'ends at once when the client breaks off, whatever is unsent on either side',
      when: [
        'the server is slow',
        'the client asks',
        'the client is slow',
        'the server replies',
        'the client breaks off',
      ],
      reports: ['first reply', 'finished by downstream'],
      closed: ['gone', 'close'],
    },
    {
      promise: 'names the server where it ended before the client broke off',
      when: ['the server ends', 'the client breaks off'],
      reports: ['server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: ['gone', 'close'],
    },
    {
      promise: 'ends at once when the server breaks off and the client has taken all',
      when: ['the server breaks off'],
      reports: ['server dropped', 'finished by upstream'],
      closed: ['close', 'gone'],
    },
    {
      promise: 'reports no drop where the client had ended before the server breaks off',
      when: ['the client ends', 'the server breaks off'],
      reports: ['half-closed by downstream', 'finished by downstream'],
      closed: ['close', 'gone'],
    },
    {
      promise: 'still sends what a server said before it broke off',
      when: ['the client is slow', 'the server replies', 'the server breaks off', 'the client asks'],
      reports: ['first reply', 'server dropped', 'half-closed by upstream'],
      closed: [undefined, 'gone'],
    },
    {
      promise: 'closes once what a server said before it broke off is sent',
      when: ['the client is slow', 'the server replies', 'the server breaks off', 'the client has taken all'],
      reports: ['first reply', 'server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: ['close', 'gone'],
    },
    {
      promise: 'closes once what a server said before it broke off cannot be sent',
      when: ['the client is slow', 'the server replies', 'the server breaks off', 'the client breaks off'],
      reports: ['first reply', 'server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: ['gone', 'gone'],
    },
    {
      promise: 'ends when the client takes nothing more',
      when: ['the client asks', 'the client takes nothing more'],
      reports: ['finished by downstream'],
      closed: both,
    },
    {
      promise: 'still reads why a server takes nothing more, to its end',
      when: ['the server takes nothing more', 'the server replies', 'the client asks'],
      reports: ['server dropped', 'half-closed by upstream', 'first reply'],
      closed: open,
    },
    {
      promise: 'closes when a server that takes nothing more has ended, though requests are unsent',
      when: ['the server is slow', 'the client asks', 'the server takes nothing more', 'the server ends'],
      reports: ['server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: both,
    },
    {
      promise: 'closes when a server that takes nothing more breaks off',
      when: ['the server takes nothing more', 'the server breaks off'],
      reports: ['server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: ['close', 'gone'],
    },
    {
      promise: 'closes when a server that has ended takes nothing more: nothing more can come of it',
      when: ['the server ends', 'the client asks', 'the server takes nothing more'],
      reports: ['server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: both,
    },
    {
      promise: 'lets a client take all from a server that has ended and takes nothing more',
      when: ['the client is slow', 'the server replies', 'the server takes nothing more'],
      reports: ['first reply', 'server dropped', 'half-closed by upstream'],
      closed: open,
    },
    {
      promise: 'closes when a client has taken all from a server that has ended and takes nothing more',
      when: [
        'the client is slow',
        'the server replies',
        'the server takes nothing more',
        'the client has taken all',
        'the server ends',
      ],
      reports: ['first reply', 'server dropped', 'half-closed by upstream', 'finished by upstream'],
      closed: both,
    },
    {
      promise: 'names the client where it ended before the server took nothing more',
      when: ['the client ends', 'the server takes nothing more', 'the server ends'],
      reports: ['half-closed by downstream', 'half-closed by upstream', 'finished by downstream'],
      closed: both,
    },
  ];
  for (const { promise, when, reports, closed } of rows) {
    it(promise, () => {
      const rig = new FlowRig();
      rig.happen(...when);
      assert.deepEqual(rig.reports, reports);
      assert.deepEqual([rig.client.closed, rig.upstream.closed], closed);
    });
  }

  it('sends what it has before it passes an end on', () => {
    for (const [from, to, send] of [
      ['client', 'upstream', 'ask'],
      ['upstream', 'client', 'reply'],
    ] as const) {
      const rig = new FlowRig();
      rig[to].block();
      rig[send]('one ');
      rig[send]('two');
      rig[from].endPeer();
      assert.equal(rig[to].hasEnded, false, 'it has not been read to its end');
      rig[to].flush();
      assert.equal(rig[to].written, 'one two');
      assert.equal(rig[to].hasEnded, true);
      assert.equal(rig[from].hasEnded, false);
    }
  });

  it('waits for what is kept on either side before it closes', () => {
    for (const slow of ['client', 'upstream'] as const) {
      const rig = new FlowRig();
      rig[slow].block();
      rig[slow === 'client' ? 'reply' : 'ask']('bytes');
      rig[slow].endPeer();
      // The other side's end was received before the reading stopped.
      const other = slow === 'client' ? rig.upstream : rig.client;
      rig.flow.ended(other);
      assert.deepEqual([rig.client.closed, rig.upstream.closed], [undefined, undefined]);
      rig[slow].flush();
      assert.deepEqual([rig.client.closed, rig.upstream.closed], ['close', 'close']);
      assert.equal(rig[slow].wasFlushed, true);
      assert.match(rig.reports.at(-1) ?? '', /^finished/);
    }
  });

  it('sends nothing to a server that takes nothing more, and reads nothing more from its client', () => {
    const rig = new FlowRig();
    rig.happen('the server takes nothing more');
    rig.ask('GET a\r\n');
    rig.client.receiveThoughPaused('GET b\r\n');
    assert.equal(rig.client.isPaused, true);
    assert.equal(rig.upstream.written, '');
    assert.equal(rig.flow.upstreamBytes, 0);
    rig.flow.thaw();
    assert.equal(rig.client.isPaused, true);
  });

  it('reads no more from a server that takes nothing more than its client takes', () => {
    const rig = new FlowRig();
    rig.client.block();
    rig.reply('one ');
    rig.happen('the server takes nothing more');
    rig.reply('two ');
    assert.equal(rig.client.written, 'one ');
    rig.client.flush();
    assert.equal(rig.client.written, 'one two ');
  });

  it('sends nothing of a client whose server broke off', () => {
    const rig = new FlowRig();
    rig.client.block();
    rig.reply('half of a reply');
    rig.upstream.breakOff();
    rig.client.receiveThoughPaused('GET a\r\n');
    assert.equal(rig.flow.upstreamBytes, 0);
    assert.equal(rig.client.isPaused, true);
  });
});

describe('BytesFlow, frozen', () => {
  it('reads nothing more from a client that is answered, until a thaw', () => {
    const rig = new FlowRig();
    rig.ask('GET a\r\n');
    rig.reply('$-1\r\n');
    rig.happen('a freeze', 'a freeze');
    rig.ask('GET b\r\n');
    assert.equal(rig.upstream.written, 'GET a\r\n');
    rig.happen('a thaw', 'a thaw');
    assert.equal(rig.upstream.written, 'GET a\r\nGET b\r\n');
  });

  it('reads on while a request is unanswered, until the reply begins', () => {
    const rig = new FlowRig();
    rig.ask('SET a');
    rig.happen('a freeze');
    rig.ask(' 1\r\n');
    assert.equal(rig.upstream.written, 'SET a 1\r\n');
    rig.reply('+');
    rig.ask('SET b 2\r\n');
    rig.reply('OK\r\n');
    assert.equal(rig.upstream.written, 'SET a 1\r\n');
    assert.equal(rig.client.written, '+OK\r\n');
  });

  it('reads to its end what may be half of a command, where that was received before the freeze', () => {
    const rig = new FlowRig();
    rig.happen('a freeze');
    rig.client.receiveThoughPaused('SET a');
    assert.equal(rig.flow.isUnanswered, true);
    rig.ask(' 1\r\n');
    assert.equal(rig.upstream.written, 'SET a 1\r\n');
    rig.reply('+OK\r\n');
    assert.equal(rig.client.isPaused, true);
  });

  it('stays frozen while slow sides catch up', () => {
    const rig = new FlowRig();
    rig.happen('the server is slow', 'the client asks', 'a freeze', 'the server has taken all');
    assert.equal(rig.client.isPaused, false, 'it is unanswered');
    rig.happen('the server replies', 'the server is slow');
    rig.client.receiveThoughPaused('GET b\r\n');
    rig.reply('$-1\r\n');
    rig.happen('the server has taken all');
    assert.equal(rig.client.isPaused, true, 'it is answered');
  });

  it('does not read past a slow server at a thaw', () => {
    const rig = new FlowRig();
    rig.happen('a freeze', 'the server is slow');
    rig.client.receiveThoughPaused('one ');
    rig.happen('a thaw');
    assert.equal(rig.client.isPaused, true);
    rig.happen('the server has taken all');
    assert.equal(rig.client.isPaused, false);
  });

  it('still carries replies, and the end of a server', () => {
    const rig = new FlowRig();
    rig.happen('a freeze');
    rig.reply('>3\r\n$7\r\nmessage\r\n');
    rig.happen('the server ends');
    assert.equal(rig.client.written, '>3\r\n$7\r\nmessage\r\n');
    assert.equal(rig.client.hasEnded, true);
  });
});

describe('BytesFlow, with a replica', () => {
  it('reports it and sends on nothing of what was just read, where replication is not allowed', () => {
    const rig = new FlowRig({ allowsReplication: false });
    rig.ask('PING\r\n');
    rig.reply('+PONG\r\n');
    rig.ask('REPLCONF listening-port 6380\r\n');
    assert.equal(rig.upstream.written, 'PING\r\n');
    assert.equal(rig.flow.upstreamBytes, 6);
    assert.deepEqual(rig.reports, ['first reply', 'replicates']);
  });

  it('looks no further than the first command of an ordinary client', () => {
    const rig = new FlowRig({ allowsReplication: false });
    rig.ask('GET a\r\n');
    rig.ask('PSYNC ? -1\r\n');
    assert.equal(rig.upstream.written, 'GET a\r\nPSYNC ? -1\r\n');
    assert.deepEqual(rig.reports, []);
  });

  it('carries it where replication is allowed', () => {
    const rig = new FlowRig();
    rig.ask('PSYNC ? -1\r\n');
    assert.equal(rig.upstream.written, 'PSYNC ? -1\r\n');
    assert.deepEqual(rig.reports, []);
  });
});
