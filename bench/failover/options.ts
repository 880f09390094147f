import { namesOf, readFlags, UsageError, wholeFrom } from '../lib/options.ts';
import { buildAt, ownBuild, type Build } from '../peers/build.ts';
import { contenders, contendersOf, standardContenders, type Contender } from './contenders.ts';
import { causes, type Cause } from './trial.ts';

export const usage = `npm run bench:failover -- [--quick] [--trials N] [--peer-trials N] [--causes a,b] [--contenders a,b | --against DIR] [--clients N] [--pause MS] [--no-write]
  causes:     ${causes.join(' ')}
  contenders: ${Object.keys(contenders).join(' ')}
  DIR:        a built checkout, which this one is compared with`;

export interface Options {
  readonly trials: number;
  readonly peerTrials: number;
  readonly causes: readonly Cause[];
  readonly contenders: ReadonlyMap<string, Contender>;
  /** This build and the one it is compared with, where it is. */
  readonly builds?: readonly Build[];
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
    contenders: { type: 'string' },
    against: { type: 'string' },
    clients: { type: 'string', default: '20' },
    pause: { type: 'string', default: '2' },
    'no-write': { type: 'boolean', default: false },
  });
  const wanted = namesOf('causes', values.causes, causes);
  const other = values.against === undefined ? undefined : buildAt(values.against);
  if (other && values.contenders !== undefined) throw new UsageError('Cannot use contenders with against');
  return {
    trials: wholeFrom(1, 'trials', values.trials ?? (values.quick ? '2' : '20')),
    peerTrials: wholeFrom(1, 'peer-trials', values['peer-trials'] ?? (values.quick ? '1' : '3')),
    causes: causes.filter((cause) => wanted.includes(cause)),
    contenders: other ? contendersOf(other) : contendersNamed(values.contenders),
    ...(other && { builds: [ownBuild, other] }),
    clients: wholeFrom(1, 'clients', values.clients),
    pauseMs: wholeFrom(0, 'pause', values.pause),
    writesResults: !values['no-write'],
  };
}

function contendersNamed(text = standardContenders().join(',')): ReadonlyMap<string, Contender> {
  const names = namesOf('contenders', text, Object.keys(contenders));
  return new Map(names.flatMap((name) => (contenders[name] ? [[name, contenders[name]] as const] : [])));
}
