// The tunnel inside a Node program: its events go where the program's own do.
//
//   SENTINELS=127.0.0.1:26379 node examples/embed.mjs
import { start } from 'sentinel-tunnel';

const show = (event, fields) => {
  console.log(event, fields);
};
const log = { isDebugging: false, debug: () => undefined, info: show, warn: show, error: show };

const tunnel = await start(
  {
    sentinels: (process.env['SENTINELS'] ?? '127.0.0.1:26379').split(','),
    databases: [{ name: 'mymaster', listen: 6380 }],
  },
  log,
);
process.once('SIGINT', () => {
  tunnel.stop('SIGINT').then(console.log, console.error);
});
