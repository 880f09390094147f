import type { ServerResponse } from 'node:http';
import { printableJson } from '../printable.ts';
import type { EventFeed, FedEvent } from '../telemetry/feed.ts';
import type { LogLevel } from '../telemetry/log.ts';
import { sentenceOf } from '../telemetry/pretty.ts';
import { securityHeaders } from './guard.ts';

/** How many clients may follow the events at once. */
const mostFollowers = 16;
/** A follower with more unsent bytes than this reads too slowly and is cut off. */
const mostUnsentBytes = 256 * 1024;
/** How often a comment is sent, in milliseconds, so that each side notices when the other is gone. */
const beatMs = 10_000;
/** When a browser reconnects after it was cut off, in milliseconds. */
const retryMs = 1_000;

/** An event with its sentence, as it is sent and listed. */
export interface EventWithSentence extends FedEvent {
  readonly sentence: string;
}

/** @returns the event with its sentence for people */
export function withSentence(fed: FedEvent): EventWithSentence {
  return { ...fed, sentence: sentenceOf(fed.event, fed.fields) };
}

/** What a follower receives. */
export interface Following {
  readonly level: LogLevel;
  /** Events to send first. */
  readonly backlog: readonly FedEvent[];
  /** Called when it is cut off because it read too slowly. */
  readonly dropped: () => void;
}

/** The followers of the events, each on a response that stays open. */
export class Followers {
  readonly #feed: EventFeed;
  readonly #open = new Set<ServerResponse>();

  constructor(feed: EventFeed) {
    this.#feed = feed;
  }

  get isFull(): boolean {
    return this.#open.size >= mostFollowers;
  }

  /** Sends events on a response until either side ends it. */
  add(response: ServerResponse, { level, backlog, dropped }: Following): void {
    this.#open.add(response);
    response.writeHead(200, { ...securityHeaders, 'Content-Type': 'text/event-stream; charset=utf-8' });
    const send = (text: string): void => {
      response.write(text);
      if (response.writableLength <= mostUnsentBytes) return;
      end();
      response.destroy();
      dropped();
    };
    const beat = setInterval(send, beatMs, ': beat\n\n');
    const unfollow = this.#feed.follow(level, (event) => {
      send(frame(event));
    });
    const end = (): void => {
      clearInterval(beat);
      unfollow();
      this.#open.delete(response);
    };
    response.on('close', end);
    response.on('error', end);
    send(
      `retry: ${String(retryMs)}\nevent: hello\ndata: ${printableJson({ latestId: this.#feed.latestId })}\n\n`,
    );
    for (const event of backlog) send(frame(event));
  }

  close(): void {
    for (const response of this.#open) response.destroy();
  }
}

/** One event of a stream. JSON has no line breaks, so one `data` line is enough. */
function frame(event: FedEvent): string {
  return `id: ${event.id}\nevent: log\ndata: ${printableJson(withSentence(event))}\n\n`;
}
