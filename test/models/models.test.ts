import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { enumerate, type Finding, joined, type Lattice, tell, whole } from './lattice.ts';

/** Complete parts of the whole lattice (`npm run models`), together less than a minute's work. */
const parts: readonly Lattice[] = [
  ...whole.paces.flatMap((pace) =>
    whole.makes.map(
      (make): Lattice => ({ workgroupsMax: 2, stepsMax: 2, makes: [make], paces: [pace] }),
    ),
  ),
  { workgroupsMax: 3, stepsMax: 2, makes: ['mixed'], paces: ['beside'] },
  { workgroupsMax: 2, stepsMax: 3, makes: whole.makes, paces: ['together'], stuckOnly: true },
];

/** In slices, so that the test's process can say in between that it lives. */
const slices = 10;

/** Nothing here depends on time; on a busy machine a slice may take a while. */
const sliceMsMax = 10 * 60_000;

for (const part of parts) {
  const { workgroupsMax, stepsMax, makes, paces, stuckOnly } = part;
  const bounds = `workgroups≤${workgroupsMax}, steps≤${stepsMax}, ${makes}, ${paces}`;
  const what = stuckOnly ? `${bounds}, undos fail` : bounds;
  test.serial(
    `every run (${what}), every fault, a crash at every entry, every decision → lawful`,
    async (t) => {
      const findings: Finding[] = [];
      for (let index = 0; index < slices; index++) {
        t.timeout(sliceMsMax);
        await setImmediate();
        findings.push(enumerate(part, { index, of: slices }));
      }
      const { count, breaches } = findings.reduce(joined);
      t.log(tell(count));
      t.deepEqual(breaches, []);
      t.true(count.crashes > count.cases);
    },
  );
}
