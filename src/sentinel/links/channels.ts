import type { EventName } from '../../telemetry/events.ts';
import type { Fields } from '../../telemetry/log.ts';
import type { SubscriptionEvent } from './subscription.ts';
import { endChannels, promotionChannels } from './announcement.ts';

/** What is to be logged of a Sentinel that does not let us listen to all we want. */
export interface Refusal {
  readonly event: EventName;
  readonly fields: Fields;
  /** The same for the same refusal. */
  readonly text: string;
}

/** @returns `undefined` where nothing is refused */
export function refusalOf(event: Exclude<SubscriptionEvent, { kind: 'ended' }>): Refusal | undefined {
  if (event.kind === 'refused') {
    return { event: 'sentinel.polling-only', fields: { reason: event.why }, text: event.why };
  }
  const { refused } = event;
  if (refused.length === 0) return undefined;
  const names = refused.join(', ');
  return {
    event: 'sentinel.partly-heard',
    fields: { refused: names, effect: effectOf(refused) },
    text: names,
  };
}

/** What follows from not being told of these. The worst of it is said. */
function effectOf(refused: readonly string[]): string {
  const isRefused = (channel: string): boolean => refused.includes(channel);
  const promotions = promotionChannels.filter(isRefused).length;
  if (promotions === promotionChannels.length) {
    return 'the failovers that it leads are followed by its answer alone, about a second later, without an early fence';
  }
  if (promotions > 0) return 'the failovers that it leads may be fenced some 100 ms later';
  if (endChannels.some(isRefused)) {
    return 'a failover that it gives up keeps clients waiting for up to 5 s';
  }
  return 'failovers are followed as usual, their stories lack these lines';
}
