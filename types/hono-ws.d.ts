/**
 * Stands for `hono/ws` in the types of @hono/node-server. The real one needs the types of a browser, and nothing here
 * speaks WebSocket.
 */
export type UpgradeWebSocket<Socket, Options> = (socket: Socket, options: Options) => never;
