/** Milliseconds of the system's monotonic clock: the same in every thread and process, unlike `performance.now()`. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
