/** No completed task is run again: what the journal holds as done is not called once more. */
import { isReading } from '../../../sdk/plugin/verbs.ts';
import type { Checker } from './checker.ts';
import { type Item, keyOf, Runs, targetsOf } from './runs.ts';

export const doneOnce: Checker = () => {
  const runs = new Runs();
  const done = new Set<string>();
  const names = (initiatorId: string, step: string, items: readonly Item[]): string[] =>
    items.flatMap(targetsOf).map((id) => `${initiatorId}/${step}/${id}`);
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed') {
      const { entry, stream } = moment;
      if (entry.type !== 'task-outcome' && entry.type !== 'task-settled') return undefined;
      const run = runs.of(stream);
      if (run === undefined) return undefined;
      const { initiatorId } = run.started;
      const items = run.itemsAt(entry.group, entry.done);
      for (const name of names(initiatorId, run.stepName(entry.step), items)) {
        if (entry.direction === 'run') done.add(name);
        else done.delete(name);
      }
      return undefined;
    }
    if (moment.kind !== 'call' || moment.key === '') return undefined;
    const { verb, targetIds, remoteId } = moment;
    const { initiatorId, step, direction } = keyOf(moment.key);
    if (direction !== 'run' || isReading(verb) || verb.startsWith('settle ')) return undefined;
    const again = targetIds.find((id) => done.has(`${initiatorId}/${step}/${id}`));
    return again && `${verb} of ${again} at ${remoteId}: ${step} was done already`;
  };
};
