/**
 * The whole daemon, simulated, over many seeds; found seeds are kept. A failing seed is replayed
 * with `npm run sim -- --seed N --story`.
 */
import test from 'ava';
import type { Variant } from './scenario.ts';
import { seedsKept } from './seeds.ts';
import { simulate } from './simulate.ts';
import { story } from './story.ts';

/** Seeds of a plain `npm test`; `.ci/run` goes through many more. */
const seeds = { from: 1, to: 20 };

const accused = async (seed: number, variant?: Variant): Promise<string[]> => {
  const simulated = await simulate(seed, variant);
  if (simulated.accusations.length === 0) return [];
  const said = simulated.accusations.map(({ checker, message }) => `${checker}: ${message}`);
  return [
    `seed ${seed}`,
    JSON.stringify(simulated.scenario),
    ...story(simulated).slice(-40),
    ...said,
  ];
};

test(`simulation: seeds ${seeds.from} to ${seeds.to} → no checker accuses`, async (t) => {
  for (let seed = seeds.from; seed <= seeds.to; seed++) t.deepEqual(await accused(seed), []);
});

test('simulation: pairs shown as stretched, seeds 1 to 15 → no checker accuses', async (t) => {
  for (let seed = 1; seed <= 15; seed++)
    t.deepEqual(await accused(seed, { present: 'pair-as-stretched' }), []);
});

test('simulation: three members over one database, seeds 1 to 20 → no checker accuses', async (t) => {
  for (let seed = 1; seed <= 20; seed++) t.deepEqual(await accused(seed, { members: 3 }), []);
});

test('simulation: seeds that once failed → no checker accuses', async (t) => {
  t.plan(seedsKept.length);
  for (const { seed, found: _, ...variant } of seedsKept) {
    t.deepEqual(await accused(seed, variant), []);
  }
});

test('simulation: one seed twice → the same history, entry by entry and call by call', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const [one, other] = [await simulate(seed), await simulate(seed)];
    t.is(one.history.digest(), other.history.digest(), `seed ${seed}`);
  }
});

test('simulation: one seed twice with members → the same history', async (t) => {
  for (const seed of [2, 3]) {
    const [one, other] = [
      await simulate(seed, { members: 2 }),
      await simulate(seed, { members: 2 }),
    ];
    t.is(one.history.digest(), other.history.digest(), `seed ${seed}`);
  }
});
