/**
 * The examples in the client's documentation, as a module that the compiler checks and a test runs:
 * an example that has drifted from the code does not build.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Example {
  /** Such as `runs.ts watch`. */
  readonly name: string;
  readonly code: string;
}

/** Documentation comment, then the line that it documents. */
const documented = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n(.*)/g;
const fenced = /```ts\n([\s\S]*?)```/;
const declared = /^(?:export )?(?:async )?(?:const |class |get )?\*?(\w+)/;

/** Examples of one source file, in order. */
export const examplesOf = (file: string, source: string): Example[] =>
  [...source.matchAll(documented)].flatMap(([, comment = '', line = '']) => {
    const text = comment.replaceAll(/^ *\* ?/gm, '');
    const code = fenced.exec(text)?.[1];
    const name = declared.exec(line.trim())?.[1] ?? '?';
    return code === undefined ? [] : [{ name: `${file} ${name}`, code: code.trimEnd() }];
  });

/** Exported functions and methods of one source file that have no example. */
export const withoutExample = (file: string, source: string): string[] => {
  const methods = [...source.matchAll(/^ {2}(?:async )?\*?(?!constructor)(\w+)[(<].*$/gm)];
  const shown = new Set(examplesOf(file, source).map(({ name }) => name));
  return methods.map(([, name]) => `${file} ${name}`).filter((name) => !shown.has(name));
};

export const clientSources = (folder: string): { file: string; source: string }[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => ({ file, source: readFileSync(join(folder, file), 'utf8') }));

const uses = (code: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(code);

/** The module. `exported`: names of the values that the client exports. */
export const examplesModule = (folder: string, exported: readonly string[]): string => {
  const examples = clientSources(folder).flatMap(({ file, source }) => examplesOf(file, source));
  const used = exported.filter((name) => examples.some(({ code }) => uses(code, name)));
  const functions = examples.map(({ name, code }) => {
    const body = code.replaceAll(/^(?=.)/gm, '    ');
    const client = uses(code, 'client') ? 'client' : '_client';
    return `  '${name}': async (${client}) => {\n${body}\n  },`;
  });
  return [
    '/** Written by `npm run gen:docs` from the examples in sdk/client: change them there. */',
    `import {\n${used.map((name) => `  ${name},\n`).join('')}  type SiteswapClient,`,
    "} from '../../../sdk/client/index.ts';",
    '',
    'export const examples: Readonly<Record<string, (client: SiteswapClient) => Promise<void>>> = {',
    ...functions,
    '};',
    '',
  ].join('\n');
};
