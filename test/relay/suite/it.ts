import { it as run, type TestContext } from 'node:test';
import { withoutLeaks } from '../../support/index.ts';

/** A test that also fails when it leaves a socket, listener, timer, worker or child behind. */
export function it(
  name: string,
  body: (test: TestContext) => Promise<void>,
  options: { readonly skip?: boolean } = {},
): void {
  void run(name, options, (test) => withoutLeaks(() => body(test)));
}
