/**
 * The chosen targets of a question get the answer that they got before; who was never asked about
 * is asked for. Changing calls are left alone: their answers are no reads.
 */
import { type Apply, choosing, harming } from './scene.ts';

export const staleRead: Apply<'stale-read'> = ({ targets: chosen }, scene) => {
  const isChosen = choosing(chosen);
  const isStale = (id: string) => isChosen(id) && scene.earlier(id) !== undefined;
  return harming(scene, isStale, (harmed) => {
    scene.struck();
    return harmed.flatMap(({ id }) => scene.earlier(id) ?? []);
  });
};
