#!/usr/bin/env node
import { runCli } from './cli/cli.ts';
import { hostOf } from './cli/host.ts';

/** How long a reader of our output that has stopped may keep a program that is done, in milliseconds. */
const partingMs = 1000;

process.exitCode = await runCli(process.argv.slice(2), hostOf(process));
setTimeout(() => process.exit(), partingMs).unref();
