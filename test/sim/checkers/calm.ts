/** Where nothing goes wrong, everything succeeds. */
import type { Checker } from './checker.ts';

export const calmSucceeds: Checker =
  ({ scenario }) =>
  (moment) => {
    if (!scenario.calm || moment.kind !== 'rest') return undefined;
    const { status, result, attention } = moment.view;
    return result === 'succeeded' ? undefined : `${status} ${result ?? ''}: ${attention}`;
  };
