import type { ErrorCode } from '../errors.ts';

/** The exit codes of the process. They are an interface: `docs/errors.md` lists them. */
export const exitCodes = {
  /** Stopped after a drain, or nothing was wrong. */
  done: 0,
  failed: 1,
  /** Usage or configuration. */
  mistaken: 2,
  /** The deadline of the drain had passed, or a second signal came, and sessions were cut. */
  cut: 3,
  /** No tunnel answers where one was asked for. */
  unreachable: 4,
  /** Usage, of `doctor` alone, whose 2 says that something is broken: EX_USAGE of sysexits(3). */
  misused: 64,
} as const;

export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'ST_USAGE':
    case 'ST_CONFIG_UNREADABLE':
    case 'ST_CONFIG_INVALID':
    case 'ST_ADMIN_DENIED':
      return exitCodes.mistaken;
    case 'ST_ADMIN_UNREACHABLE':
      return exitCodes.unreachable;
    default:
      return exitCodes.failed;
  }
}
