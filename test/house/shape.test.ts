/** The shape of files: short enough to read, and each says why it exists. */
import { hold } from './_check.ts';
import { functionsIn } from './_functions.ts';
import { type Finding, matches, type SourceFile } from './_source.ts';

const fileLinesMax = 400;
const functionLinesMax = 60;
const lineLengthMax = 100;

const lines = (count: number): string => 'x;\n'.repeat(count);

hold({
  name: `a file has at most ${fileLinesMax} lines`,
  check: ({ path, text }): Finding[] => {
    const count = text.trimEnd().split('\n').length;
    return count > fileLinesMax ? [{ path, line: count, problem: 'split it by what it owns' }] : [];
  },
  bad: [{ path: 'daemon/x.ts', text: lines(fileLinesMax + 1) }],
  good: [{ path: 'daemon/x.ts', text: lines(fileLinesMax) }],
});

hold({
  name: `a function has at most ${functionLinesMax} lines`,
  check: ({ path, code }) =>
    functionsIn(code)
      .filter((found) => found.lines > functionLinesMax)
      .map(({ line, lines: count }) => ({ path, line, problem: `a function of ${count} lines` })),
  bad: [
    `const f = () => {\n${lines(59)}};`,
    `export async function f(a: number): Promise<Map<string, string>> {\n${lines(60)}}`,
    `class A {\n  #m({ a }: B): void {\n${lines(60)}}\n}`,
    `test('a { in words', async (t) => {\n${lines(60)}});`,
    `const f = <T>(text = \`\${{ a: 1 }.a} {\`) => {\n${lines(60)}};`,
  ].map((text) => ({ path: 'daemon/x.ts', text })),
  good: [
    `const f = () => {\n${lines(58)}};`,
    `const table = {\n${lines(100)}};`,
    `class A {\n  a(): void {\n${lines(40)}}\n  b(): void {\n${lines(40)}}\n}`,
    `if (a(b)) {\n${lines(100)}}`,
  ].map((text) => ({ path: 'daemon/x.ts', text })),
});

/** A test's title is a claim with its coordinates; what it expects to read may be as long. */
const isQuotedByTest = (path: string, line: string): boolean =>
  path.startsWith('test/') && /^\s*(test(\.serial)?\()?['"`]/.test(line);

hold({
  name: `a line has at most ${lineLengthMax} characters`,
  check: ({ path, text }) =>
    text.split('\n').flatMap((line, index): Finding[] => {
      const isLong = [...line].length > lineLengthMax && !isQuotedByTest(path, line);
      return isLong ? [{ path, line: index + 1, problem: 'too long' }] : [];
    }),
  bad: [{ path: 'daemon/x.ts', text: 'x'.repeat(lineLengthMax + 1) }],
  good: [
    { path: 'daemon/x.ts', text: '→'.repeat(lineLengthMax) },
    { path: 'test/x.test.ts', text: `test('${'x'.repeat(lineLengthMax)}', (t) => {` },
  ],
});

/** The titles of a test file say why it exists. */
hold({
  name: 'every file begins with a comment that says why it exists',
  check: ({ path, text }): Finding[] => {
    if (path.endsWith('.test.ts')) return [];
    const comment = /^(?:#![^\n]*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';
    const said = comment.replace(/[\s*]/g, '').length > 20;
    return said ? [] : [{ path, line: 1, problem: 'no header: say why the module exists' }];
  },
  bad: [
    { path: 'daemon/x.ts', text: 'export const a = 1;' },
    { path: 'daemon/x.ts', text: '/** Helpers. */\nexport const a = 1;' },
    { path: 'daemon/x.ts', text: 'const a = 1;\n/** A comment in the middle of the file. */' },
  ],
  good: [
    { path: 'bin/x.mjs', text: '#!/usr/bin/env node\n/** After tsc: what it does not copy. */' },
  ],
});

/** Plugins are found by their default export; fixtures, benches and examples have some too. */
const mayExportDefault = ({ path }: SourceFile): boolean =>
  /^(plugins\/[^/]+\/index\.ts|ava(\.real)?\.config\.js|(test|examples|bench\/plugins)\/)/.test(
    path,
  );

hold({
  name: 'nothing has a default export but plugins',
  check: (file) =>
    mayExportDefault(file) ? [] : matches(file, /\bexport default\b/, 'export it by its name'),
  bad: [{ path: 'daemon/x.ts', text: 'export default 1;' }],
  good: [{ path: 'plugins/files/index.ts', text: 'export default definePlugin({});' }],
});
