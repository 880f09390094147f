// The main script of the single-file executable. It is CommonJS once it is bundled, which has no `await` at its top.
import { runProcess } from '../../src/cli/process.ts';

void runProcess(process);
