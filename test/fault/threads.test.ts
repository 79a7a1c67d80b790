/** What is drawn, and when it is over, in several threads: as in none. */
import test from 'ava';
import type { TaskStarted } from '../../daemon/core/entries.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const run = async ({ engine }: Rig, mode: Mode): Promise<string> => {
  const asked = { planId: 'payroll', mode, requester: 'tester', requestKey: '', policies: {} };
  const { runId } = await engine.startRun(asked);
  await untilRest(engine, runId);
  return runId;
};

/** Every attempt that carries injections: its coordinates, and what it carries. */
const drawnIn = async ({ journal }: Rig, runId: string): Promise<string[]> =>
  (await journal.read(runId, 1, 100_000))
    .map(({ body }) => JSON.parse(body) as TaskStarted)
    .filter(({ type, injections }) => type === 'task-started' && injections !== undefined)
    .map(({ group, step, direction, attempt, injections }) =>
      JSON.stringify([group, step, direction, attempt, injections]),
    )
    .sort();

const delayed: CallRule = {
  name: 'delayed',
  // What is tried again by itself is up to the moment.
  attempt: 1,
  probability: 0.4,
  effect: { effect: 'delay', delayMs: 3, jitterMs: 2, distribution: 'normal' },
};

/** `threads` undefined: none. */
const drawnWith = async (threads: number | undefined, latencyMs: number, seed = 7) => {
  let ids = 0;
  const made = await rig({
    groups: 4,
    id: () => `run-${++ids}`,
    world: { seed: latencyMs + 1, latencies: [{ ms: latencyMs }] },
    ...(threads !== undefined && { threads }),
  });
  try {
    await made.engine.createPlan(planFor(4));
    await made.engine.injections.add('tester', [delayed]);
    await made.engine.injections.enable('tester', 'a test', seed, 0);
    const runId = await run(made, 'planned');
    const { result, attention } = await made.engine.getRun(runId, 'full');
    return { result, attention, runId, drawn: await drawnIn(made, runId) };
  } finally {
    await made.close();
  }
};

test.serial(
  'the same seed → the same set of (coordinates, injection) with 1, 2 and 4 threads, at any speed',
  async (t) => {
    const first = await drawnWith(undefined, 0);
    t.true(first.drawn.length > 5, `${first.drawn.length}`);
    for (const threads of [1, 2, 4]) {
      for (const latencyMs of [0, 3]) {
        t.deepEqual(await drawnWith(threads, latencyMs), first, `${threads}, ${latencyMs} ms`);
      }
    }
    t.notDeepEqual((await drawnWith(2, 0, 8)).drawn, first.drawn);
  },
);

/** How often each change was made: the same for all objects of a kind, when none was lost. */
const timesOf = async ({ lab }: Rig): Promise<Map<string, Set<number>>> => {
  const found = new Map<string, Set<number>>();
  for (const { remoteId, verb, times } of await lab.effects()) {
    const key = `${remoteId} ${verb}`;
    found.set(key, (found.get(key) ?? new Set()).add(times));
  }
  return found;
};

test.serial(
  'toggled 100 times under load in 4 threads: no call lost or doubled, none modified once it is off',
  async (t) => {
    const made = await rig({
      groups: 6,
      vms: 8,
      world: { latencies: [{ ms: 1 }] },
      threads: 4,
    });
    try {
      await made.engine.createPlan(planFor(6, 8));
      const { injections } = made.engine;
      const rules: CallRule[] = [
        { name: 'slow', probability: 0.5, effect: { effect: 'delay', delayMs: 2 } },
        { name: 'twice', probability: 0.3, effect: { effect: 'duplicate' } },
      ];
      await injections.add('tester', rules);
      let over = false;
      const load = (async () => {
        while (!over) for (const mode of ['planned', 'reprotect'] as const) await run(made, mode);
      })();
      const counts = () => injections.status().rules.map(({ drawn, hits }) => [drawn, hits]);
      const calls = async () => {
        const effects = await made.lab.effects();
        return effects.reduce((sum, { times }) => sum + times, 0);
      };
      let moved = 0;
      for (let toggles = 0; toggles < 100; toggles++) {
        await injections.enable('tester', 'on', toggles, 0);
        for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
        await injections.disable('tester', 'off');
        const settled = counts();
        t.is(injections.status().carrying, 0);
        const before = await calls();
        for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
        moved += (await calls()) - before;
        t.deepEqual(counts(), settled, 'calls went on, and nothing was drawn or did anything');
      }
      over = true;
      await load;
      t.true(moved > 0, 'there was load while it was off');
      t.true(
        counts().every(([drawn = 0, hits = 0]) => drawn > 0 && hits > 0),
        JSON.stringify(counts()),
      );
      t.deepEqual(await made.lab.verify(), []);
      const runs = made.engine.listRuns({ openOnly: false });
      t.true(runs.every(({ result }) => result === 'succeeded'));
      const times = await timesOf(made);
      t.true(times.size > 8);
      t.deepEqual(
        [...times].filter(([, each]) => each.size !== 1),
        [],
      );
    } finally {
      await made.close();
    }
  },
);
