import process from 'node:process';
import { runNamesChild } from './names-child.ts';

runNamesChild(process);
