/** The call is made twice, as by a network that sends again: the second answer counts. */
import type { Apply } from './scene.ts';

export const duplicate: Apply<'duplicate'> = async (_injection, { targets, args, next }) => {
  await next(targets, args);
  return next(targets, args);
};
