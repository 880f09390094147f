import process from 'node:process';
import { runNamesChild } from './look-up.ts';

runNamesChild(process);
