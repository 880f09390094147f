import type { Endpoint } from '../../net/endpoint.ts';
import type { RestPort } from './rest.ts';
import type { Session } from './session.ts';

/**
 * What an engine does for the gate. None of these may call the gate back before they return (nor may whoever is
 * told an event); every one of them leaves the session in a state where doing it again is harmless.
 */
export interface GatePort<S extends Session> extends RestPort<S> {
  /** Starts a dial; `dialled` or `dialFailed` answers, unless `abandonDial` or `cut` comes first. */
  dial(session: S, endpoint: Endpoint): void;
  /** Destroys the upstream socket, of a dial in progress or of a session that is then refused; the downstream stays. */
  abandonDial(session: S): void;
  /** Writes one line to the client, half-closes, and closes for good shortly after. Its upstream has been abandoned before. */
  refuse(session: S, line: string): void;
  /**
   * Whether the client of a session that has waited is known to send nothing more, although nothing has been reported of it yet:
   * what it has sent before that may be unread still.
   */
  hasClientEnded(session: S): boolean;
  /** Closes both sockets in good order: what the kernel has of either is still sent. */
  finish(session: S): void;
  /** Destroys both sockets now; nothing more is read from or written to either. */
  cut(session: S): void;
}
