// The main script of the single-file executable. It is CommonJS once it is bundled, which has no `await` at its top.
import { endWhereDescriptorsAreFew } from '../../src/cli/few-descriptors.ts';
import { runProcess } from '../../src/cli/process.ts';
import { runNamesChild } from '../../src/net/look-up.ts';
import { namesArgument } from './child-arguments.ts';

if (process.argv[2] === namesArgument && process.send) runNamesChild(process);
else
  runProcess(process).catch((error: unknown) => {
    endWhereDescriptorsAreFew(error, process);
  });
