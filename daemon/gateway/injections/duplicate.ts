/** The call is made twice, as by a network that sends again: the second answer counts. */
import type { Apply } from './scene.ts';

export const duplicate: Apply<'duplicate'> = async (_injection, scene) => {
  const { targets, args, next, struck } = scene;
  await next(targets, args);
  struck();
  return next(targets, args);
};
