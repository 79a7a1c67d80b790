/** The call is not made and never answered: its deadline ends it. */
import type { Apply } from './scene.ts';

export const hang: Apply<'hang'> = (_injection, { struck }) => {
  struck();
  return new Promise(() => {});
};
