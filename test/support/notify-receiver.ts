import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.ts';
import { eventually } from './eventually.ts';

/** Prints each datagram as a line of JSON. Node has no unix datagram sockets. */
const script = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name.startswith('@') else name)
print('"bound"', flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

/** The service manager's end of `NOTIFY_SOCKET`: keeps every message that it was sent. */
export class NotifyReceiver implements AsyncDisposable {
  /** What stands in `NOTIFY_SOCKET`. */
  readonly address: string;
  readonly #dir: string;
  readonly #child: Child;
  readonly #messages: string[];

  static async start(isAbstract = false): Promise<NotifyReceiver> {
    const dir = await mkdtemp(join(tmpdir(), 'st-notify-'));
    const address = isAbstract ? `@st-notify-${dir.slice(-6)}` : join(dir, 'notify');
    const messages: string[] = [];
    const child = await Child.spawn(['python3', '-c', script, address], {
      name: 'a service manager',
      onLine: (line, stream) => {
        if (stream === 'stdout') messages.push(String(JSON.parse(line)));
      },
    });
    await eventually(() => messages.includes('bound'));
    return new NotifyReceiver(address, dir, child, messages);
  }

  private constructor(address: string, dir: string, child: Child, messages: string[]) {
    this.address = address;
    this.#dir = dir;
    this.#child = child;
    this.#messages = messages;
  }

  /** The messages so far, each as its assignments. */
  get messages(): readonly (readonly string[])[] {
    return this.#messages.slice(1).map((message) => message.split('\n'));
  }

  /** Waits until an assignment has been sent that many times. */
  async heard(assignment: RegExp, times = 1): Promise<void> {
    await eventually(() => {
      return this.messages.filter((message) => message.some((each) => assignment.test(each))).length >= times;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
