/**
 * Every scenario of the folder is met as it says: by the plan's own life, on the lab. And what can
 * follow a fault is reached by one of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { decisions, type Entry } from '../../daemon/core/entries.ts';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import type { PolicyAction } from '../../daemon/core/policy.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { scenarioSchema } from '../../sdk/scenario/schema.ts';
import { formatProblems, parseYaml } from '../../sdk/yaml/index.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';
import { JumpingTime } from '../_support/jumping-time.ts';
import { repoRoot } from '../_support/root.ts';
import { paths } from './paths.ts';

const known = Object.keys(paths) as [string, ...string[]];

/** Beside the rules: what is run under them, and how it must end. */
const expecting = scenarioSchema.extend({
  expect: z.strictObject({
    /** Two stretched devices in place of two pairs; their VMs go live. */
    stretched: z.boolean().default(false),
    /** Of a plan; or `storage-migration`: the disks of the first VM go to the second group. */
    mode: z.string(),
    /** A second plan over the second group runs meanwhile; then a person decides for the first. */
    rival: z.enum(decisions).optional(),
    after: z.array(z.string()).default([]),
    /** A site that is lost, and declared so, before the run. */
    lost: z.string().optional(),
    policies: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
    status: z.string(),
    result: z.string().optional(),
    /** Of `paths`: what shows in the run's entries. */
    reaches: z.array(z.enum(known)).default([]),
    /** Rules of which nothing may come. */
    idle: z.array(z.string()).default([]),
  }),
});

type Expectation = z.output<typeof expecting>['expect'];

const folder = join(repoRoot, 'test/fault/scenarios');
const files = readdirSync(folder);

const readOf = (file: string) => {
  const text = readFileSync(join(folder, file), 'utf8');
  const read = parseYaml(text, expecting, { file });
  if ('problems' in read) throw new Error(formatProblems(read.problems));
  const { expect, ...scenario } = read.value;
  return { scenario, expect };
};

const worldOf = ({ stretched }: Expectation) =>
  stretched ? { groups: 0, world: { stretched: 2 } } : { groups: 2 };

const entriesOf = async ({ journal }: Rig, runId: string): Promise<Entry[]> =>
  (await journal.read(runId, 1, 100_000)).map(({ body }) => JSON.parse(body) as Entry);

/** Storage is through once the VMs on it are: what another run is to count as done has none. */
const planOf = ({ rival }: Expectation, ids?: { id: string }): Plan => {
  const plan = planFor(2, 2, ids);
  if (rival === undefined) return plan;
  const [first, second] = plan.protectionGroups.map((one, at) => ({
    ...one,
    ...(at === 1 && rival === 'rollback' && { vms: [] }),
  }));
  if (first === undefined || second === undefined) throw new Error('two groups were expected');
  return { ...plan, protectionGroups: ids === undefined ? [first, second] : [second] };
};

const start = async ({ engine }: Rig, mode: string, policies = {}, planId = 'payroll') => {
  const who = { requester: 'x', requestKey: '' };
  if (mode !== 'storage-migration') {
    return (await engine.startRun({ planId, mode: mode as Mode, policies, ...who })).runId;
  }
  const moves = [{ vmId: 'vm-00001', fromDatastoreId: '', toDatastoreId: 'ds-0002-1' }];
  return (await engine.startStorageMigration({ computeId: 'lab-compute-a', moves, ...who })).runId;
};

/** A run of the other plan, over what the first one is parked with; then a person decides. */
const meanwhile = async (made: Rig, runId: string, expect: Expectation) => {
  const { engine } = made;
  const { mode, rival = 'retry' } = expect;
  await engine.createPlan(planOf(expect, { id: 'other' }));
  const other = await start(made, mode, {}, 'other');
  const over = untilRest(engine, other);
  const { cursor } = await engine.getRun(runId, 'basic');
  if (rival === 'rollback') await over;
  await engine.resumeRun(runId, { requester: 'x', decision: rival, policies: {} });
  await untilRest(engine, runId, cursor);
  await over;
  return other;
};

for (const file of files) {
  test(`scenario: ${file} → ends as it says, and each rule did something`, async (t) => {
    const { scenario, expect } = readOf(file);
    const { rules, seed } = scenario;
    const { mode, after, policies, status, result, idle, lost } = expect;
    const time = new JumpingTime();
    const made = await rig({ vms: 2, time, ...worldOf(expect) });
    const { engine } = made;
    const run = async (asked: string, chosen = {}) => {
      const runId = await start(made, asked, chosen);
      await untilRest(engine, runId);
      return runId;
    };
    const options = { ...defaultOptions, liveMigration: expect.stretched };
    await time.through(engine.createPlan({ ...planOf(expect), options }));
    for (const earlier of after) await time.through(run(earlier));
    if (lost !== undefined) {
      await time.through(made.lab.loseSite(lost));
      await time.through(engine.declareLost(lost, 'x', file));
    }
    await time.through(engine.injections.add('x', rules));
    await time.through(engine.injections.enable('x', file, seed, 0));
    const chosen = Object.entries(policies).map(([step, action]) => [
      step,
      { rules: [], otherwise: action as unknown as PolicyAction },
    ]);
    const runId = await time.through(run(mode, Object.fromEntries(chosen)));
    const others = expect.rival ? [await time.through(meanwhile(made, runId, expect))] : [];
    const view = await engine.getRun(runId, 'full');
    t.is(view.status, status as typeof view.status, view.attention);
    t.is(view.result, result as typeof view.result);
    const done = engine.injections.status().rules.filter(({ hits }) => hits > 0);
    t.deepEqual(
      done.map(({ name }) => name).sort(),
      rules
        .map(({ name }) => name)
        .filter((name) => !idle.includes(name))
        .sort(),
    );
    const streams = await Promise.all([runId, ...others].map((id) => entriesOf(made, id)));
    const entries = streams.flat();
    const [first] = entries;
    if (first?.type !== 'run-started') return t.fail('the run has no beginning');
    for (const path of expect.reaches) {
      t.true(paths[path]?.({ entries, frozen: first.frozen }), `${path}\n${told(entries)}`);
    }
    t.deepEqual(await made.lab.verify(), []);
    engine.close();
  });
}

/** What a reader of a failure needs. */
const told = (entries: readonly Entry[]): string =>
  entries
    .slice(1)
    .map((entry) => JSON.stringify(entry))
    .join('\n');

test('scenarios: every way on after a fault is reached by one of them', (t) => {
  const reached = new Set(files.flatMap((file) => readOf(file).expect.reaches));
  t.deepEqual(
    known.filter((path) => !reached.has(path)),
    [],
  );
});
