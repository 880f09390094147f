/** Descriptors that one client needs: its own connection, and what is dialled for it. */
export const descriptorsPerClient = 2;

/** Why nobody more is accepted, whatever the configuration allows. @param most how many descriptors clients may have */
export function descriptorsAreTaken(most: number): string {
  const clients = Math.floor(most / descriptorsPerClient);
  return `this host has file descriptors for ${String(clients)} connections of the tunnel, and all are taken (ulimit -n)`;
}
