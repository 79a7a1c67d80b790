/** The worker thread exits just before the call is made, or just after its answer has come. */
import type { Apply } from './scene.ts';

export const workerCrash: Apply<'worker-crash'> = async ({ after }, { targets, next, crash }) => {
  if (after) await next(targets);
  return crash();
};
