/**
 * No module needs itself: in a circle of imports nobody can read one file before the others. Types
 * that describe each other may.
 */
import test from 'ava';
import { importsOf } from './_imports.ts';
import { type SourceFile, sourceOf, sources } from './_source.ts';

/** File → files whose values it needs. */
const needsOf = (files: readonly SourceFile[]): ReadonlyMap<string, readonly string[]> =>
  new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ from, typeOnly }) => from.startsWith('.') && !typeOnly)
        .map(({ from }) => new URL(from, `file:///${file.path}`).pathname.slice(1)),
    ]),
  );

/** Each circle once, as the way round that was found first. */
const circlesOf = (files: readonly SourceFile[]): readonly string[] => {
  const needs = needsOf(files);
  const cleared = new Set<string>();
  const way: string[] = [];
  const found: string[] = [];
  const visit = (path: string): void => {
    const since = way.indexOf(path);
    if (since >= 0) found.push([...way.slice(since), path].join(' → '));
    if (since >= 0 || cleared.has(path)) return;
    way.push(path);
    for (const needed of needs.get(path) ?? []) visit(needed);
    way.pop();
    cleared.add(path);
  };
  for (const path of needs.keys()) visit(path);
  return found;
};

test('house: no circle of imports', (t) => {
  t.deepEqual(circlesOf(sources()), []);
});

test('house: no circle of imports → a circle is found, and types that describe each other not', (t) => {
  const files = [
    sourceOf('a/x.ts', "import { y } from '../b/y.ts';"),
    sourceOf('b/y.ts', "import { z } from './z.ts';"),
    sourceOf('b/z.ts', "import { x } from '../a/x.ts';\nimport type { Y } from './y.ts';"),
  ];
  t.deepEqual(circlesOf(files), ['a/x.ts → b/y.ts → b/z.ts → a/x.ts']);
  t.deepEqual(circlesOf(files.slice(1)), []);
});
