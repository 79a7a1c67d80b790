/** The call is not made for the chosen targets; the drawn fault is their answer. */
import type { Apply } from './scene.ts';

export const error: Apply<'error'> = async ({ fault, targets: chosen }, { targets, next }) => {
  const hit = new Set(chosen ?? targets.map(({ id }) => id));
  const spared = targets.filter(({ id }) => !hit.has(id));
  const answers = spared.length === 0 ? [] : await next(spared);
  const answerOf = new Map(answers.map((answer) => [answer.id, answer]));
  return targets.map(({ id }) => answerOf.get(id) ?? { id, fault });
};
