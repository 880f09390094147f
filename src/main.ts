#!/usr/bin/env node
import { runCli } from './cli/cli.ts';
import { hostOf } from './cli/host.ts';

process.exitCode = await runCli(process.argv.slice(2), hostOf(process));
