/** The worker thread exits just before the call is made, or just after its answer has come. */
import type { Apply } from './scene.ts';

export const workerCrash: Apply<'worker-crash'> = async ({ after }, scene) => {
  if (after === true) await scene.next(scene.targets, scene.args);
  scene.struck();
  return scene.crash('exit');
};
