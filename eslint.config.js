import tseslint from 'typescript-eslint';

/** Bans carry the reason and the way out, so that nobody has to ask. */
const bans = [
  {
    selector: 'ExportDefaultDeclaration',
    message: 'Export by name: a default export has as many names as it has importers.',
  },
  {
    selector: 'TSEnumDeclaration',
    message:
      'Write a union of literals, or an object "as const": an enum does not vanish when types are erased.',
  },
  {
    selector: 'CallExpression[callee.property.name="removeAllListeners"][arguments.length=0]',
    message: 'Name the event, or better remove your own listener: this also drops error listeners of others.',
  },
  {
    selector: 'CallExpression[callee.object.name="AbortSignal"][callee.property.name="any"]',
    message:
      'Pass one signal on and remove your listener: AbortSignal.any leaks on a long-lived one (nodejs/node#54614).',
  },
  {
    selector: 'CallExpression[callee.object.name="AbortSignal"][callee.property.name="timeout"]',
    message: 'Set a timer, clear it in finally, and say what took too long: this one stays until it fires.',
  },
  {
    selector:
      'Program > VariableDeclaration > VariableDeclarator[init.type=/^(ArrowFunction|Function)Expression$/][id.typeAnnotation=undefined]',
    message:
      'Declare functions of the top level: a declaration has a name in stack traces and may stand below its use.',
  },
  {
    selector: ':matches(PropertyDefinition, MethodDefinition)[accessibility="private"][kind!="constructor"]',
    message: 'Write #name: it is private at run time too.',
  },
];

export default tseslint.config(
  { ignores: ['build/', 'dist/', 'dashboard/', 'coverage/', 'bench/runs/', 'eslint.config.js'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': ['error', ...bans],
      'prefer-const': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // An underscore says that an interface asks for it and this one has no use for it.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // One shape for what is written `while (true)` in other places.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // `Record` and index signatures say different things to a reader; both are fine.
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      // The code speaks of classes where a class carries the contract.
      '@typescript-eslint/class-literal-property-style': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'no-console': ['error'] },
  },
  {
    files: ['src/**/*.ts'],
    // What a process of its own runs, and what starts it with its executable and its environment, need it as well.
    ignores: ['src/cli/**', 'src/main.ts', 'src/net/names-main.ts', 'src/net/names-process.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        {
          name: 'process',
          message:
            'Only cli/, main.ts and what makes a process of its own know the process: take what you need as an argument.',
        },
      ],
      'no-restricted-imports': [
        'error',
        {
          name: 'node:process',
          message:
            'Only cli/, main.ts and what makes a process of its own know the process: take what you need as an argument.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // `test()` and `describe()` return promises that the runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
    },
  },
);
