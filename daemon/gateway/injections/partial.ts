/** The remote does the first few of the chosen targets, and fails the rest of the batch. */
import { type Apply, choosing, harming } from './scene.ts';

export const partial: Apply<'partial'> = ({ done, fault, targets: chosen }, scene) => {
  const batch = scene.targets.filter(({ id }) => choosing(chosen)(id));
  const failed = batch.slice(done).map(({ id }) => id);
  return harming(scene, choosing(failed), (harmed) => {
    scene.struck();
    return harmed.map(({ id }) => ({ id, fault }));
  });
};
