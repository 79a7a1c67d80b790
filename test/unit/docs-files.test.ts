/** The reference of the two files that people write: no key of a schema is missing on the page. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { configSchema } from '../../daemon/config/schema.ts';
import { planSchema } from '../../sdk/cli/plan/schema.ts';
import { repoRoot } from '../_support/root.ts';

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly additionalProperties?: Shape | boolean;
}

/** Keys as the page writes them: `a[].b` in lists, `a.*` where anybody names the key. */
const keysOf = (shape: Shape, at = ''): string[] => {
  const under = Object.entries(shape.properties ?? {}).flatMap(([name, below]) => {
    const path = at === '' ? name : `${at}.${name}`;
    return [path, ...keysOf(below, path)];
  });
  const listed = shape.items === undefined ? [] : keysOf(shape.items, `${at}[]`);
  const either = (shape.anyOf ?? []).flatMap((one) => keysOf(one, at));
  const free = shape.additionalProperties;
  const named = typeof free === 'object' ? keysOf(free, `${at}.*`) : [];
  return [...new Set([...under, ...listed, ...either, ...named])];
};

const schemaOf = (schema: z.ZodType): Shape =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;

/** Actions have a table of their own, and injections a page. */
const action = /^policies\.\*(\.otherwise|\.rules\[\]\.then)?\.(stop|rollback|rerun)/;
const elsewhere = [action, /^injections/, /^journal\.postgres\.(env|file)$/];

const page = await readFile(join(repoRoot, 'docs/plans.md'), 'utf8');

for (const [what, schema] of [
  ['plan', planSchema],
  ['configuration', configSchema],
] as const) {
  test(`docs: every key of a ${what} → stands in docs/plans.md`, (t) => {
    const keys = keysOf(schemaOf(schema)).filter(
      (key) => !elsewhere.some((form) => form.test(key)),
    );
    t.true(keys.length > 20);
    const parents = new Set(keys.map((key) => key.replace(/(\[\])?\.[^.]+$/, '')));
    const missing = keys.filter((key) => !page.includes(`| \`${key}\` |`) && !parents.has(key));
    t.deepEqual(missing, []);
  });
}
