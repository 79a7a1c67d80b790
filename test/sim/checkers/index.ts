/** Every checker by the name under which it accuses. */
import { calmSucceeds } from './calm.ts';
import type { Checker } from './checker.ts';
import { noGapInEvents } from './events.ts';
import { noDefect } from './no-defect.ts';
import { neverTwoWriters } from './two-writers.ts';

export const checkers: Readonly<Record<string, Checker>> = {
  'no-defect': noDefect,
  'never-two-writers': neverTwoWriters,
  'no-gap-in-events': noGapInEvents,
  'calm-succeeds': calmSucceeds,
};
