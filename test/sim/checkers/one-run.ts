/** The same key from the same requester is the same run, however often it is asked for. */
import type { Checker } from './checker.ts';

export const oneRunPerRequest: Checker = () => {
  const runs = new Map<string, string>();
  return (moment) => {
    if (moment.kind !== 'landed' || moment.entry.type !== 'run-opened') return undefined;
    const { requester, requestKey, runId } = moment.entry;
    const name = `${requester}, ${requestKey}`;
    const known = runs.get(name);
    runs.set(name, runId);
    return known && `${name} opened run ${known} and run ${runId}`;
  };
};
