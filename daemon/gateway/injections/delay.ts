/** The call is made this much later; past its deadline it is not made at all. */
import type { Apply } from './scene.ts';

export const delay: Apply<'delay'> = async ({ delayMs }, scene) => {
  const { targets, args, next, sleep, struck } = scene;
  if (delayMs === 0) return next(targets, args);
  struck();
  await sleep(delayMs);
  return next(targets, args);
};
