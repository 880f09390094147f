/** What every relayed connection is opened with, whichever engine opens it. */

/**
 * Connections that the kernel may complete before they are accepted: room for a herd that comes back at once after
 * a cut. Linux silently lowers it to `net.core.somaxconn` (listen(2)).
 */
export const listenBacklog = 1024;

/**
 * Idle time before the first keepalive probe, in milliseconds. A subscriber may be silent for hours, so only probes
 * show that its peer has gone. Redis probes after 300 s; NAT and load balancers forget idle connections sooner
 * (Azure 240 s, AWS 350 s), so ours come at 60 s, and keep both sides alive for as long as they live.
 */
export const keepAliveIdleMs = 60_000;

/** Commands and replies are small and waited for: Nagle's algorithm (RFC 896) would only delay them. */
export const noDelay = true;
