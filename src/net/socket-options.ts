/** Options of every relayed connection, in every engine. */

/**
 * How many connections the kernel completes before they are accepted: room for all clients that reconnect at once after a cut. Linux
 * silently lowers it to `net.core.somaxconn` (listen(2)).
 */
export const listenBacklog = 1024;

/**
 * Idle time before the first keepalive probe, in milliseconds. A subscriber may be silent for hours, so only probes
 * show that its peer has gone. Redis probes after 300 s; NAT and load balancers forget idle connections sooner
 * (Azure 240 s, AWS 350 s), so ours come at 60 s, and keep both sides alive for as long as they live.
 */
export const keepAliveIdleMs = 60_000;

/** Commands and replies are small and urgent: Nagle's algorithm (RFC 896) would only delay them. */
export const noDelay = true;
