import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { patienceMs } from './eventually.ts';
import { reserve } from './free-port.ts';
import { Scope } from '../../src/lifecycle/scope.ts';

const run = promisify(execFile);

/** Why no network namespaces can be made here, for the `skip` option of a test; false when they can. */
export async function cannotMakeNamespaces(): Promise<string | false> {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid?.() !== 0) return 'making network namespaces takes root';
  try {
    await using network = await Network.create();
    await network.add();
    return false;
  } catch (error) {
    return `cannot make network namespaces: ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}

/** One network namespace, with an address on the bridge of its network. */
export interface Namespace {
  readonly name: string;
  readonly address: string;
  /** Goes before a command line to run it inside. */
  readonly prefix: readonly string[];
}

/**
 * Namespaces joined by a bridge that stands in the namespace of the test, so the test reaches all of them. The
 * addresses are of 198.18.0.0/15, which is set aside for testing (RFC 2544) and not routed.
 */
export class Network implements AsyncDisposable {
  /** The address of the test itself. */
  readonly address: string;
  readonly #id: string;
  readonly #subnet: string;
  readonly #scope: Scope;
  #count = 0;

  static async create(): Promise<Network> {
    const id = `st${randomInt(0x10_0000, 0xff_ffff).toString(16)}`;
    const subnet = await freeSubnet();
    const scope = new Scope();
    try {
      await ip('link', 'add', `${id}br`, 'type', 'bridge');
      scope.defer(() => ip('link', 'del', `${id}br`));
      await ip('addr', 'add', `${subnet}.254/24`, 'dev', `${id}br`);
      await ip('link', 'set', `${id}br`, 'up');
    } catch (error) {
      await scope.close();
      throw error;
    }
    return new Network(id, subnet, scope);
  }

  private constructor(id: string, subnet: string, scope: Scope) {
    this.#id = id;
    this.#subnet = subnet;
    this.#scope = scope;
    this.address = `${subnet}.254`;
  }

  async add(): Promise<Namespace> {
    this.#count++;
    const name = `${this.#id}n${this.#count}`;
    const address = `${this.#subnet}.${this.#count}`;
    const outer = `${this.#id}v${this.#count}`;
    await ip('netns', 'add', name);
    this.#scope.defer(() => ip('netns', 'del', name)); // its end of the pair goes with it, and so does ours
    await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('link', 'set', outer, 'master', `${this.#id}br`, 'up');
    await ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    return { name, address, prefix: ['ip', 'netns', 'exec', name] };
  }

  /** One more address of a namespace, that nobody outside of it has a way to. */
  async addAddress(to: Namespace, address: string): Promise<void> {
    await ip('-n', to.name, 'addr', 'add', `${address}/32`, 'dev', 'lo');
  }

  /** What the namespace sends to this address is lost on its way, in silence: the next hop is an address of nobody. */
  async lose(from: Namespace, address: string): Promise<void> {
    await ip('-n', from.name, 'route', 'add', `${address}/32`, 'via', `${this.#subnet}.253`);
  }

  /** Nothing passes between the two any more, in silence: no reset, no refusal. */
  async partition(one: Namespace, other: Namespace): Promise<void> {
    await this.silence(one, other.address);
    await this.silence(other, one.address);
  }

  async heal(one: Namespace, other: Namespace): Promise<void> {
    await this.unsilence(one, other.address);
    await this.unsilence(other, one.address);
  }

  /** Nothing that the namespace sends reaches the address any more. */
  async silence(from: Namespace, address: string): Promise<void> {
    await ip('-n', from.name, 'route', 'add', 'blackhole', `${address}/32`);
  }

  async unsilence(from: Namespace, address: string): Promise<void> {
    await ip('-n', from.name, 'route', 'del', 'blackhole', `${address}/32`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.close();
  }
}

/** One that no interface of this machine has, and no other test. */
async function freeSubnet(): Promise<string> {
  const { stdout } = await run('ip', ['-4', '-o', 'addr', 'show'], { timeout: patienceMs });
  for (;;) {
    const subnet = `198.${18 + randomInt(2)}.${randomInt(256)}`;
    if (!stdout.includes(` ${subnet}.`) && (await reserve(`subnet-${subnet}`))) return subnet;
  }
}

async function ip(...args: string[]): Promise<void> {
  await run('ip', args, { timeout: patienceMs });
}
