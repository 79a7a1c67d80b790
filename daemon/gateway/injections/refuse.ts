/** The call is not made for the chosen targets, and answered as by a remote that says no. */
import { type Apply, choosing, harming, refusalBy } from './scene.ts';

export const refuse: Apply<'refuse'> = ({ rule, targets: chosen }, scene) => {
  const fault = refusalBy(scene.verb, rule);
  return harming(scene, choosing(chosen), (harmed) => {
    scene.struck();
    return harmed.map(({ id }) => ({ id, fault }));
  });
};
