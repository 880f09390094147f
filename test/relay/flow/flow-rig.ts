import { BytesFlow } from '../../../src/relay/flow/bytes.ts';
import type { ByteCounts, FlowClient, Side, SuspectWord } from '../../../src/relay/flow/flow.ts';
import { FakeConnection } from '../fake-connection.ts';

/** What can happen to the two connections of a client, apart from bytes. */
export const happenings = {
  'the client ends': ({ client }: FlowRig) => {
    client.endPeer();
  },
  'the server ends': ({ upstream }: FlowRig) => {
    upstream.endPeer();
  },
  'the client breaks off': ({ client }: FlowRig) => {
    client.breakOff();
  },
  'the server breaks off': ({ upstream }: FlowRig) => {
    upstream.breakOff();
  },
  'the client takes nothing more': ({ client }: FlowRig) => {
    client.failWrites();
  },
  'the server takes nothing more': ({ upstream }: FlowRig) => {
    upstream.failWrites();
  },
  'the client is slow': ({ client }: FlowRig) => {
    client.block();
  },
  'the server is slow': ({ upstream }: FlowRig) => {
    upstream.block();
  },
  'the client has taken all': ({ client }: FlowRig) => {
    client.flush();
  },
  'the server has taken all': ({ upstream }: FlowRig) => {
    upstream.flush();
  },
  'the client asks': (rig: FlowRig) => {
    rig.ask('GET a\r\n');
  },
  'the client quits': (rig: FlowRig) => {
    rig.ask('QUIT\r\n');
  },
  'the server replies': (rig: FlowRig) => {
    rig.reply('+OK\r\n');
  },
  'a freeze': ({ flow }: FlowRig) => {
    flow.freeze();
  },
  'a thaw': ({ flow }: FlowRig) => {
    flow.thaw();
  },
} satisfies Record<string, (rig: FlowRig) => void>;
export type Happening = keyof typeof happenings;

/** A flow `bytes` between two connections, attached, and what it reports to its client. */
export class FlowRig implements FlowClient {
  readonly client = new FakeConnection();
  readonly upstream: FakeConnection;
  readonly connection = this.client;
  readonly allowsReplication: boolean;
  readonly flow: BytesFlow;
  /** What the flow reported, in order. */
  readonly reports: string[] = [];
  /** What both sides have sent. */
  asked = '';
  replied = '';
  counted = { upstream: 0, downstream: 0 };

  constructor({ allowsReplication = true, upstream = new FakeConnection() } = {}) {
    this.allowsReplication = allowsReplication;
    this.upstream = upstream;
    const counts: ByteCounts = {
      addUpstream: (bytes) => {
        this.counted.upstream += bytes;
      },
      addDownstream: (bytes) => {
        this.counted.downstream += bytes;
      },
    };
    this.flow = new BytesFlow(this, counts);
    this.flow.attach(upstream);
  }

  ask(text: string): void {
    if (!this.client.canReceive) return;
    this.asked += text;
    this.client.receive(text);
  }

  reply(text: string): void {
    if (!this.upstream.canReceive) return;
    this.replied += text;
    this.upstream.receive(text);
  }

  happen(...what: readonly Happening[]): void {
    for (const each of what) happenings[each](this);
  }

  firstReply(): void {
    this.reports.push('first reply');
  }

  suspectReply(word: SuspectWord): void {
    this.reports.push(word);
  }

  serverDropped(): void {
    this.reports.push('server dropped');
  }

  halfClosed(by: Side): void {
    this.reports.push(`half-closed by ${by}`);
  }

  finished(by: Side): void {
    this.reports.push(`finished by ${by}`);
  }

  replicates(): void {
    this.reports.push('replicates');
  }
}
