import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  awaitServing,
  cannotRun,
  FakeRedis,
  FakeSentinel,
  RespClient,
  TunnelProcess,
  withoutLeaks,
} from '../../../support/index.ts';
import { hasRing } from './engines.ts';

/** Answers the system calls from a first to a last with an error, by a filter of seccomp(2), and becomes the program. */
const filter = `
import ctypes, os, platform, struct, sys
first, last, error = map(int, sys.argv[1].split(','))
architecture = {'x86_64': 0xC000003E, 'aarch64': 0xC00000B7}[platform.machine()]
lines = [
    (0x20, 0, 0, 4),                 # the architecture of the call
    (0x15, 0, 4, architecture),
    (0x20, 0, 0, 0),                 # its number
    (0x35, 0, 2, first),
    (0x25, 1, 0, last),
    (0x06, 0, 0, 0x00050000 | error),
    (0x06, 0, 0, 0x7FFF0000),        # all others are allowed
]
class Filter(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('lines', ctypes.c_char_p)]
program = Filter(len(lines), b''.join(struct.pack('HBBI', *line) for line in lines))
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
for order in ((PR_SET_NO_NEW_PRIVS, 1, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))):
    if libc.prctl(*order, 0, 0):
        sys.exit('prctl: ' + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
`;

const [setup, register] = [425, 427]; // io_uring_enter(2) is between them
const [EPERM, ENOSYS] = [1, 38];

/** How a kernel or a container may refuse it, and what is said of that. */
const refusals = [
  {
    // Docker's since https://github.com/moby/moby/pull/46762
    what: 'by the default filter of a container',
    calls: [setup, register, EPERM],
    reason: 'io_uring is forbidden here (EPERM), by kernel.io_uring_disabled or by the filter of a container',
  },
  {
    what: 'by a filter that hides it',
    calls: [setup, register, ENOSYS],
    reason: 'io_uring is not there (ENOSYS), or the filter of a container hides it',
  },
] as const;

const python = cannotRun('python3');
const skip =
  python === false && !(await hasRing()) ? 'there is no io_uring here that could be refused' : python;

describe('io_uring refused', { skip }, () => {
  for (const { what, calls, reason } of refusals) {
    const prefix = ['python3', '-c', filter, calls.join()];
    const told = `Cannot run the engine "io_uring": ${reason}`;

    it(`${what}: "auto" says so once, without a warning, and serves by epoll`, async () => {
      await withoutLeaks(async () => {
        await using redis = await FakeRedis.start();
        await using sentinel = await FakeSentinel.start({
          masters: { one: { host: redis.host, port: redis.port } },
        });
        const databases = [{ name: 'one', listen: 0 }];
        const config = { sentinels: [sentinel.seed], databases, engine: 'auto', threads: 2 };
        await using tunnel = await TunnelProcess.start({ config, prefix });
        await awaitServing(tunnel, 'one');
        await using client = await RespClient.connect(tunnel.port('one'));
        for (let times = 0; times < 20; times += 1) assert.equal(await client.command('PING'), 'PONG');
        assert.deepEqual(
          tunnel.events('engine.epoll').map((event) => [event['level'], event['reason']]),
          [['info', told]],
        );
        assert.deepEqual(tunnel.events('engine.fallback'), []);
        assert.equal(tunnel.events('tunnel.started')[0]?.['engine'], 'epoll');
        await client.close();
        assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
      });
    });

    it(`${what}: who asks for it by name is told why it cannot run, and nothing else`, async () => {
      const config = {
        sentinels: ['127.0.0.1:1'],
        databases: [{ name: 'one', listen: 0 }],
        engine: 'io_uring',
      };
      await using tunnel = await TunnelProcess.start({ config, prefix, until: 'spawned' });
      assert.deepEqual(await tunnel.exited, { code: 1, signal: null });
      assert.equal(tunnel.log(), `sentinel-tunnel: ${told}`);
    });
  }
});
