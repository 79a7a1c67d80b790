/**
 * A member that leaves in order hands a run over when no call of it is under way: nothing is in
 * doubt for whoever takes it. Only a call that went on for longer than a member waits may be.
 */
import { drainMsMax } from '../../../daemon/core/limits.ts';
import type { Checker } from './checker.ts';

/** An intent may be on its way to the journal for so long when the wait begins. */
const landingMsMax = 1_000;

export const handedOverAtRest: Checker = ({ scenario }) => {
  const { lostRate = 0, troubles = [] } = scenario.members ?? {};
  // Of an entry that takes its time to land, nobody can tell how long its call was waited for.
  const swift = troubles.every(({ effect }) => effect.do === 'drain' || effect.do === 'crash');
  /** Run and workgroup → when the intent of its last task landed. */
  const intents = new Map<string, number>();
  const handed = new Map<string, number>();
  return (moment) => {
    if (moment.kind === 'handed-over') handed.set(moment.runId, moment.at);
    if (moment.kind !== 'landed' || !swift || lostRate > 0) return undefined;
    const { entry, stream, at } = moment;
    if (entry.type === 'task-started') intents.set(`${stream}/${entry.group}`, at);
    if (entry.type !== 'task-interrupted') return undefined;
    const began = intents.get(`${stream}/${entry.group}`) ?? 0;
    const waited = (handed.get(stream) ?? 0) - began;
    if (waited < 0 || waited >= drainMsMax - landingMsMax) return undefined;
    return `${stream}: workgroup ${entry.group} was handed over ${waited} ms after its intent`;
  };
};
