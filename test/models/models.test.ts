import test from 'ava';
import { enumerate, type Lattice, tell, whole } from './lattice.ts';

/** Complete parts of the whole lattice (`npm run models`), together less than a minute's work. */
const parts: readonly Lattice[] = [
  ...whole.paces.flatMap((pace) =>
    whole.makes.map(
      (make): Lattice => ({ workgroupsMax: 2, stepsMax: 2, makes: [make], paces: [pace] }),
    ),
  ),
  { workgroupsMax: 3, stepsMax: 2, makes: ['mixed'], paces: ['together'] },
];

for (const part of parts) {
  const { workgroupsMax, stepsMax, makes, paces } = part;
  const what = `workgroups≤${workgroupsMax}, steps≤${stepsMax}, ${makes}, ${paces}`;
  test(`every run (${what}), every fault, a crash at every entry, every decision → lawful`, (t) => {
    const { count, breaches } = enumerate(part);
    t.log(tell(count));
    t.deepEqual(breaches, []);
    t.true(count.crashes > count.cases);
  });
}
