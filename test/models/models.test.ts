import test from 'ava';
import { enumerate, type Lattice, tell, whole } from './lattice.ts';

/** A complete part of the whole lattice (`npm run models`) that is done within seconds. */
const part: Lattice = { ...whole, workgroupsMax: 2, stepsMax: 2 };

for (const make of part.makes) {
  test(`every run of ${part.workgroupsMax} workgroups × ${part.stepsMax} steps (${make}), every fault, a crash at every entry, every decision → lawful`, (t) => {
    const { count, breaches } = enumerate({ ...part, makes: [make] });
    t.log(tell(count));
    t.deepEqual(breaches, []);
    t.true(count.crashes > count.cases);
  });
}
