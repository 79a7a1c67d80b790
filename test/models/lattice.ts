/** Which cases are enumerated: a part of all small runs that can be named in one line. */
import { type Pace, paces } from '../_support/engine.ts';
import { casesOf, stuckCasesOf } from './cases.ts';
import { type Count, check } from './check.ts';
import { type Make, makes, type Shape, shapes } from './shapes.ts';

/** All of the product of these, nothing of it left out. */
export interface Lattice {
  readonly workgroupsMax: number;
  readonly stepsMax: number;
  readonly makes: readonly Make[];
  readonly paces: readonly Pace[];
  /** True: of the runs only those in which undos fail. */
  readonly stuckOnly?: true;
}

/** Everything: `npm run models`. */
export const whole: Lattice = {
  workgroupsMax: 3,
  stepsMax: 4,
  makes,
  paces,
};

/** One of `of` equal parts of a lattice: every `of`-th shape. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

export interface Finding {
  readonly count: Count;
  /** The first of them; `breachesTotal` says how many there are. */
  readonly breaches: readonly string[];
  readonly breachesTotal: number;
}

export const shapesOf = ({ workgroupsMax, stepsMax }: Lattice): readonly Shape[] => [
  ...shapes(workgroupsMax, stepsMax),
];

/** Enough to see a pattern in; a broken engine breaks every case. */
const breachesShownMax = 20;

export const enumerate = (
  lattice: Lattice,
  { index, of }: Shard = { index: 0, of: 1 },
): Finding => {
  const count: Count = { shapes: 0, cases: 0, crashes: 0, decisions: 0, entries: 0 };
  const breaches: string[] = [];
  let breachesTotal = 0;
  for (const [at, shape] of shapesOf(lattice).entries()) {
    if (at % of !== index) continue;
    count.shapes++;
    // A lone workgroup has nobody to be faster or slower than.
    const paces = shape.workgroups.length === 1 ? lattice.paces.slice(0, 1) : lattice.paces;
    for (const make of lattice.makes) {
      for (const pace of paces) {
        const others = lattice.stuckOnly ? [] : casesOf(shape, make, pace);
        for (const given of [...others, ...stuckCasesOf(shape, make, pace)]) {
          const found = check(given, count);
          breachesTotal += found.length;
          breaches.push(...found.slice(0, breachesShownMax - breaches.length));
        }
      }
    }
  }
  return { count, breaches, breachesTotal };
};

/** What two shards have found. */
export const joined = (one: Finding, other: Finding): Finding => ({
  count: {
    shapes: one.count.shapes + other.count.shapes,
    cases: one.count.cases + other.count.cases,
    crashes: one.count.crashes + other.count.crashes,
    decisions: one.count.decisions + other.count.decisions,
    entries: one.count.entries + other.count.entries,
  },
  breaches: [...one.breaches, ...other.breaches],
  breachesTotal: one.breachesTotal + other.breachesTotal,
});

export const tell = ({ shapes: forms, cases, crashes, decisions, entries }: Count): string =>
  `${forms} shapes, ${cases} runs, ${crashes} crashes, ${decisions} decisions of a person: ` +
  `${cases + crashes + decisions} cases, ${entries} entries`;
