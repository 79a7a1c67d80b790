/** A watcher that goes on from its cursor sees every event once, whatever died meanwhile. */
import type { Checker } from './checker.ts';

export const noGapInEvents: Checker = () => {
  const seen = new Map<string, number>();
  return (moment) => {
    if (moment.kind !== 'events') return undefined;
    const { runId, seqs } = moment;
    for (const seq of seqs) {
      const expected = (seen.get(runId) ?? 0) + 1;
      if (seq !== expected) return `run ${runId}: event ${seq} came, ${expected} was expected`;
      seen.set(runId, seq);
    }
    return undefined;
  };
};
