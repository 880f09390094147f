import { workerData } from 'node:worker_threads';
import { portOfThread, runThread } from './epoll-thread.ts';

await runThread(portOfThread(workerData));
