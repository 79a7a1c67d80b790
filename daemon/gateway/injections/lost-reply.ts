/** The call is made and has its effect; its answer is dropped, so its deadline ends it. */
import type { Apply } from './scene.ts';

export const lostReply: Apply<'lost-reply'> = async (
  _injection,
  { targets, args, next, struck },
) => {
  await next(targets, args);
  struck();
  return new Promise(() => {});
};
