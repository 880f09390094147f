import { namesOf, readFlags, wholeFrom } from '../lib/options.ts';
import { contenders, standardContenders } from './contenders.ts';
import { causes, type Cause } from './trial.ts';

export const usage = `npm run bench:failover -- [--quick] [--trials N] [--peer-trials N] [--causes a,b] [--contenders a,b] [--clients N] [--pause MS] [--no-write]
  causes:     ${causes.join(' ')}
  contenders: ${Object.keys(contenders).join(' ')}`;

export interface Options {
  readonly trials: number;
  readonly peerTrials: number;
  readonly causes: readonly Cause[];
  readonly contenders: readonly string[];
  readonly clients: number;
  /** Between an acknowledgement and the next write of a client. */
  readonly pauseMs: number;
  readonly writesResults: boolean;
}

/** @throws UsageError for what cannot be measured */
export function parseOptions(args: readonly string[]): Options {
  const values = readFlags(args, {
    quick: { type: 'boolean', default: false },
    trials: { type: 'string' },
    'peer-trials': { type: 'string' },
    causes: { type: 'string', default: causes.join(',') },
    contenders: { type: 'string', default: standardContenders().join(',') },
    clients: { type: 'string', default: '20' },
    pause: { type: 'string', default: '2' },
    'no-write': { type: 'boolean', default: false },
  });
  const wanted = namesOf('causes', values.causes, causes);
  return {
    trials: wholeFrom(1, 'trials', values.trials ?? (values.quick ? '2' : '20')),
    peerTrials: wholeFrom(1, 'peer-trials', values['peer-trials'] ?? (values.quick ? '1' : '3')),
    causes: causes.filter((cause) => wanted.includes(cause)),
    contenders: namesOf('contenders', values.contenders, Object.keys(contenders)),
    clients: wholeFrom(1, 'clients', values.clients),
    pauseMs: wholeFrom(0, 'pause', values.pause),
    writesResults: !values['no-write'],
  };
}
