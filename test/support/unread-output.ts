import { spawnSync } from 'node:child_process';

/** What may stand behind the output of a program. */
export type OutputKind = 'terminal' | 'pipe' | 'fifo';

/** Why no such output can be made, for the `skip` option of a test; `false` where it can. */
export const cannotFillOutput: string | false =
  spawnSync('python3', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'python3 is not installed';

/** Fills standard output and standard error of a program before it starts. The other end stays open, and nobody reads it. */
const filled = `
import os, pty, sys, tempfile
kind, command = sys.argv[1], sys.argv[2:]
if kind == 'terminal':
    reader, writer = pty.openpty()
elif kind == 'pipe':
    reader, writer = os.pipe()
else:
    folder = tempfile.mkdtemp(prefix='sentinel-tunnel-fifo-')
    path = os.path.join(folder, 'fifo')
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR)
    writer = os.open(path, os.O_WRONLY)
    os.unlink(path)
    os.rmdir(folder)
os.set_inheritable(reader, True)
os.set_blocking(writer, False)
for size in (4096, 1):
    try:
        while True:
            os.write(writer, b'x' * size)
    except BlockingIOError:
        pass
os.set_blocking(writer, True)
os.dup2(writer, 1)
os.dup2(writer, 2)
os.execvp(command[0], command)
`;

/** Goes before a command line. */
export function withUnreadOutput(kind: OutputKind): readonly string[] {
  return ['python3', '-c', filled, kind];
}
