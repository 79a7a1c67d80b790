/** The reference of the two files that people write: no key of a schema is missing on the page. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { Problems } from '../../daemon/api/check.ts';
import { planFrom } from '../../daemon/api/translate-plan.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { checkPlan } from '../../daemon/planner/check-plan.ts';
import {
  attemptsCeiling,
  batchSizeMax,
  delayMsCeiling,
  inFlightCeiling,
  rpoTimesCeiling,
  storageWorkgroupCeiling,
  vmWorkgroupCeiling,
} from '../../daemon/planner/defaults.ts';
import { planMessage } from '../../sdk/cli/plan/file.ts';
import { planSchema, policySchema } from '../../sdk/cli/plan/schema.ts';
import { scenarioSchema } from '../../sdk/scenario/schema.ts';
import { formatProblems, parseYaml } from '../../sdk/yaml/index.ts';
import { repoRoot } from '../_support/root.ts';

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly additionalProperties?: Shape | boolean;
}

/** Keys as the page writes them: `a[].b` in lists, `a.*` where anybody names the key. */
const keysOf = (shape: Shape, at = ''): string[] => {
  const under = Object.entries(shape.properties ?? {}).flatMap(([name, below]) => {
    const path = at === '' ? name : `${at}.${name}`;
    return [path, ...keysOf(below, path)];
  });
  const listed = shape.items === undefined ? [] : keysOf(shape.items, `${at}[]`);
  const either = (shape.anyOf ?? shape.oneOf ?? []).flatMap((one) => keysOf(one, at));
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
const injectionsPage = await readFile(join(repoRoot, 'docs/injections.md'), 'utf8');

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

const plansOf = (text: string): readonly string[] =>
  [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
    .map(([, yaml = '']) => yaml)
    .filter((yaml) => yaml.includes('protectionGroups:'));

test('docs: every plan on the page → a right one', (t) => {
  const plans = plansOf(page);
  t.true(plans.length >= 2);
  for (const yaml of plans) {
    const parsed = parseYaml(yaml, planSchema, { file: 'docs/plans.md' });
    t.is('problems' in parsed ? formatProblems(parsed.problems) : '', '');
    if ('problems' in parsed) continue;
    const problems = new Problems();
    const plan = planFrom(planMessage(parsed.value), problems);
    t.deepEqual([...problems.violations, ...(plan === undefined ? [] : checkPlan(plan))], []);
  }
});

test('docs: the worked example → holds every key of a plan', (t) => {
  const [last = ''] = plansOf(page).slice(-1);
  const keys = keysOf(schemaOf(planSchema)).filter((key) => !action.test(key));
  const names = new Set(keys.map((key) => key.replace(/^.*\.|\[\]/g, '')));
  names.delete('*');
  const missing = [...names].filter((name) => !new RegExp(`\\b${name}:`).test(last));
  t.deepEqual(missing, []);
});

test('plan files: the bounds of numbers → those of the daemon', (t) => {
  const { properties = {} } = schemaOf(planSchema).properties?.options ?? {};
  const max = (shape: Shape | undefined) => (shape as { maximum?: number } | undefined)?.maximum;
  const batch = properties.release?.anyOf?.find(({ properties: fields }) => fields?.batch);
  t.deepEqual(
    [
      max(properties.vmWorkgroupMax),
      max(properties.storageWorkgroupMax),
      max(batch?.properties?.batch),
      max(properties.lag?.properties?.rpoTimesMax),
      max(properties.limits?.properties?.perArray),
    ],
    [vmWorkgroupCeiling, storageWorkgroupCeiling, batchSizeMax, rpoTimesCeiling, inFlightCeiling],
  );
  const policy = schemaOf(policySchema).anyOf?.find(({ properties: fields }) => fields?.rerun);
  const { attemptsMax, delayMsMin, delayMsMax } = policy?.properties?.rerun?.properties ?? {};
  t.deepEqual([attemptsMax, delayMsMin, delayMsMax].map(max), [
    attemptsCeiling,
    delayMsCeiling,
    delayMsCeiling,
  ]);
});

/** Every form of each key of a scenario, by the name that its page gives it. */
const scenarioForms = (): ReadonlyMap<string, readonly Shape[]> => {
  const forms = new Map<string, Shape[]>();
  const visit = (shape: Shape, at: string): void => {
    for (const one of shape.anyOf ?? shape.oneOf ?? []) visit(one, at);
    for (const [name, below] of Object.entries(shape.properties ?? {})) {
      const path = at === '' ? name : `${at}.${name}`;
      forms.set(path, [...(forms.get(path) ?? []), below]);
      visit(below, path);
    }
  };
  const whole = schemaOf(scenarioSchema);
  visit(whole, '');
  visit(whole.properties?.rules?.items ?? {}, '');
  // The words of effects and toxics have tables of their own, by what they do.
  for (const word of ['effect.effect', 'toxic.toxic', 'effect.fault']) forms.delete(word);
  return forms;
};

test('docs: every key of a rule, with its words and bounds → stands in docs/injections.md', (t) => {
  const [, text = ''] = injectionsPage.split('## Every key');
  const rows = [...text.matchAll(/^\| `([\w.]+)` \| (.*?) \| .* \| .*\|$/gm)];
  const cells = new Map(rows.map(([, key = '', form = '']) => [key, form]));
  const forms = scenarioForms();
  t.true(forms.size > 40);
  t.deepEqual(
    [...forms.keys()].filter((key) => !cells.has(key)),
    [],
  );
  t.deepEqual(
    [...cells.keys()].filter((key) => !forms.has(key)),
    [],
  );
  for (const [key, shapes] of forms) {
    const form = cells.get(key) ?? '';
    for (const shape of shapes) {
      for (const word of shape.enum ?? []) t.true(form.includes(`\`${word}\``), `${key}: ${word}`);
      const { minimum = 0, maximum = 0 } = shape;
      const isCount = maximum === 2 ** 32 - 1 && key !== 'seed';
      const max = maximum.toLocaleString('en');
      if (isCount) t.is(form, minimum === 1 ? 'count, from 1' : 'count', key);
      else if (maximum > 0) t.regex(form, new RegExp(`(to|at the most|up to) ${max}$`), key);
    }
  }
});

test('docs: every effect and toxic → has its row in docs/injections.md, with its fields', (t) => {
  const rule = schemaOf(scenarioSchema).properties?.rules?.items;
  const either = (rule?.anyOf ?? []).flatMap(({ properties }) => [
    ...(properties?.effect?.oneOf ?? []),
    ...(properties?.toxic?.oneOf ?? []),
  ]);
  t.is(either.length, 21);
  for (const { properties = {} } of either) {
    const { effect, toxic, ...fields } = properties as Record<string, { const?: string }>;
    const word = effect?.const ?? toxic?.const ?? '';
    const row = injectionsPage.split('\n').find((line) => line.startsWith(`| \`${word}\` |`));
    const named = row?.split(' | ').at(-1) ?? '';
    for (const field of Object.keys(fields))
      t.true(named.includes(`\`${field}\``), `${word} ${field}`);
    t.truthy(row, word);
  }
});
