import { parseArgs } from 'node:util';
import { contenders, standardContenders } from './contenders.ts';
import { causes, type Cause } from './trial.ts';

const usage = `bench:failover [--quick] [--trials N] [--peer-trials N] [--causes a,b] [--contenders a,b] [--clients N] [--pause MS] [--no-write]
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

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      trials: { type: 'string' },
      'peer-trials': { type: 'string' },
      causes: { type: 'string' },
      contenders: { type: 'string' },
      clients: { type: 'string', default: '20' },
      pause: { type: 'string', default: '2' },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const wantedCauses = values.causes?.split(',');
  const wanted = values.contenders?.split(',') ?? standardContenders();
  const unknown = [
    ...(wantedCauses ?? []).filter((name) => !causes.some((cause) => cause === name)),
    ...wanted.filter((name) => !(name in contenders)),
  ];
  if (unknown.length > 0) throw new Error(`Cannot measure ${unknown.join(', ')}: not known\n${usage}`);
  return {
    trials: Number(values.trials ?? (values.quick ? 2 : 20)),
    peerTrials: Number(values['peer-trials'] ?? (values.quick ? 1 : 3)),
    causes: causes.filter((cause) => wantedCauses?.includes(cause) ?? true),
    contenders: wanted,
    clients: Number(values.clients),
    pauseMs: Number(values.pause),
    writesResults: !values['no-write'],
  };
}
