/** No task is given to a thread before its intent is durable, nor after that was withdrawn. */
import type { Checker } from './checker.ts';
import { Runs } from './runs.ts';

/** They change nothing. */
const questions: ReadonlySet<string> = new Set(['settle', 'poll', 'ask']);

export const intentsFirst: Checker = () => {
  const runs = new Runs();
  /** Run, workgroup, step, direction, attempt. */
  const intents = new Set<string>();
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed') {
      const { entry, stream } = moment;
      if (entry.type !== 'task-started' && entry.type !== 'task-withdrawn') return undefined;
      const step = runs.of(stream)?.stepName(entry.step);
      const { group, direction, attempt } = entry;
      const name = `${stream}/${group}/${step}/${direction}/${attempt}`;
      if (entry.type === 'task-started') intents.add(name);
      else intents.delete(name);
      return undefined;
    }
    if (moment.kind !== 'job' || questions.has(moment.phase)) return undefined;
    const { runId, workgroup, step, phase, attempt } = moment;
    const direction = phase === 'undo' ? 'undo' : 'run';
    const group = runs.of(runId)?.positionOf(workgroup);
    const name = `${runId}/${group}/${step}/${direction}/${attempt}`;
    return intents.has(name) ? undefined : `${direction} ${step} of ${workgroup} #${attempt}`;
  };
};
