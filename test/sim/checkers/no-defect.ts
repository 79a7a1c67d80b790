/** The daemon finds no defect in itself: no pair that is missing in the transition table. */
import type { Checker } from './checker.ts';

export const noDefect: Checker = () => (moment) =>
  moment.kind === 'defect' ? moment.message : undefined;
