/**
 * The call succeeds as a long operation, which fails when it is asked about. What really became of
 * it travels in the operation's name: any thread can tell, and the truth is told where nothing is
 * injected any more.
 */
import type { Fault } from '../../../sdk/plugin/fault.ts';
import type { Evidence } from '../../../sdk/plugin/verbs.ts';
import { type Apply, choosing, type Said } from './scene.ts';

const mark = 'siteswap-injection ';

/** What the operation stands for: a real one, or what was done already. */
export interface Disguised {
  readonly fault: Fault;
  readonly operation?: string;
  readonly evidence?: Evidence;
}

/** What stands behind an operation's name; undefined: it is as the remote gave it. */
export const disguisedBy = (operation: string): Disguised | undefined =>
  operation.startsWith(mark) ? JSON.parse(operation.slice(mark.length)) : undefined;

const disguise = (answer: Said, fault: Fault): Said => {
  const { id } = answer;
  const as = (truth: Disguised): Said => ({
    id,
    accepted: { operation: mark + JSON.stringify(truth) },
  });
  if ('accepted' in answer) return as({ fault, operation: answer.accepted.operation });
  if (!('ok' in answer)) return answer;
  const { evidence } = answer;
  return as({ fault, ...(evidence !== undefined && { evidence }) });
};

export const failLater: Apply<'fail-later'> = async (
  injection,
  { targets, args, next, struck },
) => {
  const isChosen = choosing(injection.targets);
  const answers = await next(targets, args);
  return answers.map((one) => {
    if (!isChosen(one.id)) return one;
    const told = disguise(one, injection.fault);
    if (told !== one) struck();
    return told;
  });
};
