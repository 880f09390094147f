// Asks the replicas for their ROLE about every millisecond, in a thread of its own, until one says that it is master.
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { encodeCommand, RespDecoder } from '../../test/support/resp.ts';
import { nowMs } from '../lib/clock.ts';

export interface Promotion {
  /** Of the replica that was promoted. */
  readonly port: number;
  /** When the last question was sent to which it still answered that it is a replica. */
  readonly notBeforeMs: number;
  /** When its answer came that it is the master. */
  readonly notAfterMs: number;
}

const role = encodeCommand(['ROLE']);
let isDone = false;

for (const port of workerData as readonly number[]) ask(port, nowMs());

function ask(port: number, lastReplicaMs: number): void {
  if (isDone) return;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const decoder = new RespDecoder();
  let notBeforeMs = lastReplicaMs;
  let sentMs = 0;
  const send = (): void => {
    sentMs = nowMs();
    socket.write(role);
  };
  socket.on('connect', send);
  socket.on('data', (chunk) => {
    for (const reply of decoder.push(chunk)) {
      if (!Array.isArray(reply) || isDone) return;
      if (reply[0] === 'master') {
        isDone = true;
        parentPort?.postMessage({ port, notBeforeMs, notAfterMs: nowMs() } satisfies Promotion);
        parentPort?.close();
        return;
      }
      notBeforeMs = sentMs;
      setTimeout(send, 1);
    }
  });
  // A replica closes its connections when it is promoted.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ask(port, notBeforeMs);
  });
}
