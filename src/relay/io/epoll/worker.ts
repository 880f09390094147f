import { workerData } from 'node:worker_threads';
import { portOfThread, runThread } from './thread.ts';

await runThread(portOfThread(workerData));
