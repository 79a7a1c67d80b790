/** The call is made this much later; past its deadline it is not made at all. */
import type { Apply } from './scene.ts';

export const delay: Apply<'delay'> = async ({ delayMs }, { targets, args, next, sleep }) => {
  await sleep(delayMs);
  return next(targets, args);
};
