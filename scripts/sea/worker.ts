// What a thread of the epoll engine runs in the single-file executable.
import { workerData } from 'node:worker_threads';
import { portOfThread, runThread } from '../../src/relay/epoll-thread.ts';

await runThread(portOfThread(workerData));
