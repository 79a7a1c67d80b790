/** The drawn fault is the answer of the chosen targets, whether or not their call is made. */
import { type Apply, choosing, harming } from './scene.ts';

export const error: Apply<'error'> = ({ fault, after, targets: chosen }, scene) =>
  harming(scene, choosing(chosen), async (harmed) => {
    if (after === true) await scene.next(harmed, scene.args);
    scene.struck();
    return harmed.map(({ id }) => ({ id, fault }));
  });
