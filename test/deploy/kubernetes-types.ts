import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Anything that Kubernetes takes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Where the types of an API group are. */
const modules: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'policy/v1': 'policy/v1',
  'networking.k8s.io/v1': 'networking/v1',
};

/**
 * What is wrong with manifests by the types of the Kubernetes API, unknown keys included: each is compiled as a
 * literal of its type.
 */
export function typeErrorsOf(manifests: readonly Manifest[]): readonly string[] {
  const text = manifests
    .map(({ apiVersion, kind }, index) => {
      const module = modules[apiVersion];
      if (module === undefined) throw new Error(`No types are known for "${apiVersion}"`);
      const type = `import('kubernetes-types/${module}').${kind}`;
      return `export const _${String(index)}: ${type} = ${JSON.stringify(manifests[index])};`;
    })
    .join('\n');
  // Nowhere on disk, but where its import is found.
  const file = fileURLToPath(new URL('../../../manifests.ts', import.meta.url));
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    types: [],
    skipLibCheck: true,
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.Preserve,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const onDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, language) =>
    name === file ? ts.createSourceFile(name, text, language) : onDisk(name, language);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
