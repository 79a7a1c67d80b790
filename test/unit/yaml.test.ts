import test from 'ava';
import { z } from 'zod';
import { formatProblems, parseYaml } from '../../sdk/yaml/index.ts';

const schema = z.strictObject({
  site: z.string().min(1),
  workers: z.int().min(1).max(64).default(2),
  mode: z.enum(['planned', 'disaster']).optional(),
  vms: z.array(z.strictObject({ id: z.string(), priority: z.int().min(1).max(5).optional() })),
  release: z.union([z.literal('each'), z.strictObject({ batch: z.int().min(1) })]).optional(),
});

const problems = (text: string): string => {
  const result = parseYaml(text, schema, { file: 'f.yaml' });
  return 'problems' in result ? formatProblems(result.problems) : 'none';
};

test('yaml: a right file → its value, and each path has its line', (t) => {
  const result = parseYaml('site: a\nvms:\n  - id: x\n  - id: y\n', schema, { file: 'f' });
  if ('problems' in result) return t.fail(formatProblems(result.problems));
  t.deepEqual(result.value, { site: 'a', workers: 2, vms: [{ id: 'x' }, { id: 'y' }] });
  t.deepEqual(result.locate('vms[1].id'), { line: 4, column: 9 });
  t.deepEqual(result.locate('vms[1].priority'), { line: 4, column: 5 });
});

test('yaml: unknown key → its own line, the known keys, did you mean', (t) => {
  t.is(
    problems('site: a\nworkres: 3\nvms: []\n'),
    [
      'f.yaml:2:1: workres: unknown key "workres"',
      '  did you mean "workers"?',
      '  expected one of site, workers, mode, vms, release',
    ].join('\n'),
  );
});

test('yaml: wrong values → all at once, in the order of the file, with the expected form', (t) => {
  t.is(
    problems('workers: many\nmode: planed\nvms:\n  - id: x\n    priority: 9\n'),
    [
      'f.yaml:1:1: site: "site" is missing',
      '  expected text',
      'f.yaml:1:10: workers: found "many"',
      '  expected a whole number from 1 to 64',
      'f.yaml:2:7: mode: found "planed"',
      '  did you mean "planned"?',
      '  expected one of planned, disaster',
      'f.yaml:5:15: vms[0].priority: found 9',
      '  expected a whole number from 1 to 5',
    ].join('\n'),
  );
});

test('yaml: a union → the branch that the author meant', (t) => {
  t.is(
    problems('site: a\nvms: []\nrelease: {batch: 0}\n'),
    'f.yaml:3:18: release.batch: found 0\n  expected a whole number of at least 1',
  );
  t.is(
    problems('site: a\nvms: []\nrelease: eech\n'),
    [
      'f.yaml:3:10: release: found "eech"',
      '  did you mean "each"?',
      '  expected each; or a mapping with batch',
    ].join('\n'),
  );
});

test('yaml: broken syntax, duplicate keys, aliases, nothing at all → problems, never a throw', (t) => {
  t.regex(problems('site: [a\nvms: {'), /^f\.yaml:\d+:\d+: .+\n {2}expected well-formed YAML/);
  t.regex(problems('site: a\nsite: b\nvms: []'), /^f\.yaml:2:1: Map keys must be unique/);
  t.regex(problems('site: *gone\nvms: []'), /gone/);
  t.regex(problems(''), /^f\.yaml:1:1: found nothing\n {2}expected a mapping with site/);
  t.regex(problems('- a'), /^f\.yaml:1:1: found a list/);
});

test('yaml: wrong places → what only shows without them is told too, consequences are not', (t) => {
  const strict = schema.refine(({ site, vms }) => vms.every(({ id }) => id !== site), {
    message: 'a VM is called as the site',
    path: ['site'],
  });
  const text = 'site: a\nworkers: many\nvms:\n  - {priority: 1}\n  - {id: b, prio: 3}\n  - id: a\n';
  const result = parseYaml(text, strict, { file: 'f.yaml' });
  if (!('problems' in result)) return t.fail('nothing was found');
  const told = result.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
  t.deepEqual(told, [
    '1 site: a VM is called as the site',
    '2 workers: found "many"',
    '4 vms[0].id: "id" is missing',
    '5 vms[1].prio: unknown key "prio"',
  ]);
});

test('yaml: wrong places → the rest can be read, and each path has the line of the file', (t) => {
  const text = 'site: a\nworkers: many\nvms:\n  - {priority: 1}\n  - {id: b, prio: 3}\n  - id: c\n';
  const result = parseYaml(text, schema, { file: 'f.yaml' });
  if (!('problems' in result)) return t.fail('nothing was found');
  t.deepEqual(result.rest?.value, { site: 'a', workers: 2, vms: [{ id: 'b' }, { id: 'c' }] });
  t.deepEqual(result.rest?.locate('vms[1].id'), { line: 6, column: 9 });
  const without = parseYaml('vms: []\nworkers: many\n', schema, { file: 'f.yaml' });
  t.true('problems' in without && without.rest === undefined, 'nothing is made up');
});

test('yaml: a hundred problems → twenty of them, and how many more there are', (t) => {
  const vms = Array.from({ length: 100 }, () => '  - {id: x, priority: 9}').join('\n');
  const lines = problems(`site: a\nvms:\n${vms}\n`).split('\n');
  t.is(lines.filter((line) => line.startsWith('f.yaml:')).length, 20);
  t.is(lines.at(-1), 'and 80 more');
});

test('yaml: a mistyped key that lacks beside it → the rest is judged as it was meant', (t) => {
  const strict = z.strictObject({
    site: z.string(),
    groups: z.array(z.strictObject({ id: z.string(), vms: z.int().optional() })).min(1),
  });
  const text = 'site: a\ngroupz:\n  - { id: x, vms: many }\n  - { id: y }\nother: 1\n';
  const result = parseYaml(text, strict, { file: 'f' });
  if (!('problems' in result)) return t.fail('it was accepted');
  t.deepEqual(
    result.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`),
    [
      '2 groupz: unknown key "groupz"',
      '3 groups[0].vms: found "many"',
      '5 other: unknown key "other"',
    ],
  );
  t.deepEqual(result.rest?.value, { site: 'a', groups: [{ id: 'x' }, { id: 'y' }] });
  t.is(result.rest?.locate('groups[1].id').line, 4);
});

test('yaml: a mistyped key of one of several forms → told once, of the form that was meant', (t) => {
  const either = z.strictObject({
    world: z.union([
      z.strictObject({ socket: z.string() }),
      z.strictObject({ inline: z.string(), spec: z.string() }),
      z.strictObject({ inline: z.string(), spec: z.string().optional() }),
    ]),
  });
  const result = parseYaml('world: { inline: x, spek: y }', either, { file: 'f' });
  t.is(
    'problems' in result ? formatProblems(result.problems) : 'none',
    'f:1:21: world.spek: unknown key "spek"\n  did you mean "spec"?\n  expected one of inline, spec',
  );
});

test('yaml: a key of another form of the mapping → what it does not go with', (t) => {
  const either = z.union([
    z.strictObject({ name: z.string(), nth: z.int().optional(), effect: z.string() }),
    z.strictObject({ name: z.string(), toxic: z.string() }),
  ]);
  const told = (text: string) => {
    const result = parseYaml(text, either, { file: 'f' });
    return 'problems' in result ? formatProblems(result.problems) : 'none';
  };
  t.is(
    told('name: x\nnth: 1\ntoxic: down\n'),
    'f:2:1: nth: "nth" does not go with "toxic"\n  expected one of name, toxic',
  );
  t.is(
    told('name: x\nnt: 1\neffect: hang\n'),
    'f:2:1: nt: unknown key "nt"\n  did you mean "nth"?\n  expected one of name, nth, effect',
  );
});

test('yaml: forms that differ by a word → what does not go with it, and what is missing', (t) => {
  const one = z.discriminatedUnion('do', [
    z.strictObject({ do: z.literal('stop') }),
    z.strictObject({ do: z.literal('wait'), ms: z.int() }),
  ]);
  const told = (text: string, schema: z.ZodType) => {
    const result = parseYaml(text, schema, { file: 'f' });
    return 'problems' in result ? formatProblems(result.problems) : 'none';
  };
  t.is(
    told('do: stop\nms: 1\n', one),
    'f:2:1: ms: "ms" does not go with do: stop\n  expected only do',
  );
  t.is(
    told('do: wait\nms: 1\nmz: 1\n', one),
    'f:3:1: mz: unknown key "mz"\n  did you mean "ms"?\n  expected one of do, ms',
  );
  const either = z.union([
    z.strictObject({ id: z.int(), a: z.int() }),
    z.strictObject({ id: z.int(), b: z.boolean() }),
  ]);
  t.is(
    told('id: 1\n', either),
    'f:1:1: "a" or "b" is missing\n  expected a whole number; or true or false',
  );
});
