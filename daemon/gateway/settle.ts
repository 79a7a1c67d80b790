/**
 * Settling by repeating: a verb that is repeatable under the same key says what became of an
 * earlier call by doing it again, which has no further effect.
 */
import { inDoubt } from '../../sdk/plugin/fault.ts';
import type { Settlement } from '../../sdk/plugin/verbs.ts';
import type { AnyAnswer } from '../host/answers.ts';
import { codes } from '../host/faults.ts';

export const settledByRepeating = (answer: AnyAnswer): Settlement => {
  const { id } = answer;
  if ('value' in answer) return { id, verdict: 'absent' };
  if ('accepted' in answer) return { id, verdict: 'running' };
  if ('ok' in answer) {
    const { evidence } = answer;
    return { id, verdict: 'done', ...(evidence !== undefined && { evidence }) };
  }
  const { fault } = answer;
  // Nonsense says nothing of the call, and the next repetition would answer it again.
  if (fault.code === codes.badAnswer) return { id, verdict: 'unknowable', why: fault.message };
  if (inDoubt(fault) || fault.kind === 'busy') return { id, verdict: 'running' };
  if (fault.kind === 'corrupt') return { id, verdict: 'unknowable', why: fault.message };
  return { id, verdict: 'absent' };
};
