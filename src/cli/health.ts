import { request } from 'node:http';
import { messageOf, TunnelError } from '../errors.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { adminOf, type Flags } from './sources.ts';

export interface HealthFlags extends Flags {
  readonly ready?: boolean;
  readonly started?: boolean;
}

/** Less than the five seconds after which those who run probes give up, in milliseconds. */
const answerMs = 4_000;
/** The answers of the probes name databases, and no configuration has this much of them. */
const mostBytes = 1024 * 1024;

/**
 * Asks the tunnel that runs here, by its admin listener, whether it is well; a probe for those who run containers.
 *
 * @returns the exit code: done where it is, failed where it is not or does not answer
 */
export async function health(flags: HealthFlags, host: Host): Promise<number> {
  if (flags.ready && flags.started) {
    throw new TunnelError('ST_USAGE', 'Give --ready or --started, not both: each is a question of its own');
  }
  const address = await adminOf(flags, host.env);
  if (!address) throw new TunnelError('ST_USAGE', 'Nobody to ask: the admin listener is turned off');
  const [path, word] = flags.ready
    ? (['/readyz', 'ready'] as const)
    : flags.started
      ? (['/startupz', 'started'] as const)
      : (['/livez', 'live'] as const);
  let answer: { readonly status: number; readonly text: string };
  try {
    answer = await get(address, path);
  } catch (error) {
    host.stderr.write(`not ${word}: ${formatListenAddress(address)} does not answer: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
  if (answer.status === 200) {
    host.stdout.write(`${word}\n`);
    return exitCodes.done;
  }
  const told = answer.text.replace(/\p{Cc}/gu, ' ').trim();
  host.stderr.write(`not ${word}: ${told}\n`);
  return exitCodes.failed;
}

function get(address: ListenAddress, path: string): Promise<{ status: number; text: string }> {
  const to =
    address.kind === 'unix'
      ? { socketPath: address.path }
      : { host: dialled[address.host] ?? address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const asked = request({ ...to, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > mostBytes) asked.destroy(new Error('its answer does not end'));
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    // Not the timeout of the request, which is about silence: an answer in drops is none.
    const timer = setTimeout(() => {
      asked.destroy(new Error(`nothing within ${String(answerMs)} ms`));
    }, answerMs);
    asked.on('error', reject);
    asked.on('close', () => {
      clearTimeout(timer);
    });
    asked.end();
  });
}

/** Where one connects to what listens everywhere. */
const dialled: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
