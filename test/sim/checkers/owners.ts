/**
 * Of several daemons only the one that has a run gives anything of it to a thread. What became of
 * the calls of a run that has ended anybody may ask: nobody has it, and nothing is changed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Checker } from './checker.ts';

export const ownersDispatch: Checker = ({ licenceOf }) => {
  return (moment) => {
    if (moment.kind !== 'job' || licenceOf === undefined) return undefined;
    const { licence, runId, workgroup, step, phase } = moment;
    const found = licenceOf(runId);
    if (phase === 'ask' && found === undefined) return undefined;
    if (isDeepStrictEqual(found, licence)) return undefined;
    const { life, epoch } = licence;
    const whose = found === undefined ? 'nobody has it' : `${found.life} has it (${found.epoch})`;
    return `${life} (epoch ${epoch}) dispatches ${phase} of ${step}, ${workgroup}: ${whose}`;
  };
};
