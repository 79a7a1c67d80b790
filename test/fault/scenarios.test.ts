/** Every scenario of the folder is met as it says: by the plan's own life, on the lab. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import type { Mode } from '../../daemon/core/plan.ts';
import type { PolicyAction } from '../../daemon/core/policy.ts';
import { parseScenario } from '../../sdk/scenario/file.ts';
import { parseYaml } from '../../sdk/yaml/index.ts';
import { planFor, rig, untilRest } from '../_support/engine-on-lab.ts';
import { repoRoot } from '../_support/root.ts';

/** Beside the rules: what is run under them, and how it must end. */
const expectation = z.looseObject({
  expect: z.strictObject({
    mode: z.string(),
    after: z.array(z.string()).default([]),
    policies: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
    status: z.string(),
    result: z.string().optional(),
    /** Rules of which nothing may come. */
    idle: z.array(z.string()).default([]),
  }),
});

const folder = join(repoRoot, 'test/fault/scenarios');

for (const file of readdirSync(folder)) {
  test(`scenario: ${file} → ends as it says, and each rule did something`, async (t) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const scenario = parseScenario(text, file);
    const more = parseYaml(text, expectation, { file });
    if ('problems' in scenario || 'problems' in more) throw new Error(`${file} is no scenario`);
    const { rules, seed } = scenario.value;
    const { mode, after, policies, status, result, idle } = more.value.expect;
    const made = await rig({ groups: 2, vms: 2 });
    const { engine } = made;
    await engine.createPlan(planFor(2, 2));
    const run = async (asked: string, chosen = {}) => {
      const request = { planId: 'payroll', mode: asked as Mode, requester: 'x', requestKey: '' };
      const { runId } = await engine.startRun({ ...request, policies: chosen });
      await untilRest(engine, runId);
      return runId;
    };
    for (const earlier of after) await run(earlier);
    await engine.injections.add('x', rules);
    await engine.injections.enable('x', file, seed, 0);
    const chosen = Object.entries(policies).map(([step, action]) => [
      step,
      { rules: [], otherwise: action as unknown as PolicyAction },
    ]);
    const view = await engine.getRun(await run(mode, Object.fromEntries(chosen)), 'full');
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
    t.deepEqual(await made.lab.verify(), []);
    engine.close();
  });
}
