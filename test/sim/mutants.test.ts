/**
 * That the checkers can accuse: defects are planted in the product, one a process, and each must be
 * caught by the checker that is named beside it.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { type CheckerName, checkers } from './checkers/index.ts';
import { mutants, seedsMax } from './mutants.ts';

const run = promisify(execFile);
const program = new URL('./mutant.js', import.meta.url).pathname;

interface Caught {
  readonly accusers: readonly string[];
  readonly seeds: readonly number[];
}

/** As many processes at once as there are cores in the smallest machine that runs the tests. */
const lanes = 2;

const seeds = `seeds 1 to ${seedsMax}`;

test(`mutation: each planted defect → caught by its checker (${seeds})`, async (t) => {
  t.timeout(600_000);
  const left = [...mutants.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [position, { defect, caughtBy }] = next;
      const { stdout } = await run(process.execPath, [program, `${position}`]);
      const { accusers, seeds } = JSON.parse(stdout) as Caught;
      t.log(`${defect}: seed ${seeds.at(-1)}`);
      t.true(
        accusers.includes(caughtBy),
        `${defect}: only ${accusers.join(', ')} in ${seeds.length} seeds`,
      );
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
});

test('mutation: each planted defect → finds its one place in the product as it is', async (t) => {
  for (const { defect, patches } of mutants) {
    for (const { module, find } of patches) {
      const text = await readFile(new URL(`../../${module}.js`, import.meta.url), 'utf8');
      t.is(text.split(find).length - 1, 1, `${defect}: ${module}`);
    }
  }
});

test('mutation: every checker has a defect that it must catch', (t) => {
  const proven = new Set<CheckerName>(mutants.map(({ caughtBy }) => caughtBy));
  const named = Object.keys(checkers) as CheckerName[];
  t.deepEqual(
    named.filter((name) => !proven.has(name)),
    [],
  );
});
