/**
 * The call is made with other arguments, or for other targets than were asked for, so that the
 * remote itself fails it: its own code, its own words, its own time. Answers come back under the
 * ids that were asked for.
 */
import { type Apply, choosing, harming } from './scene.ts';

export const parameter: Apply<'parameter'> = (injection, scene) => {
  const { args = {}, target = {}, targets: chosen } = injection;
  return harming(scene, choosing(chosen), async (harmed) => {
    const others = harmed.map(({ id, ...more }, at) => {
      const changed = { id, ...more, ...target };
      // Several targets under one id would be one.
      return 'id' in target && at > 0 ? { ...changed, id: `${changed.id}-${at}` } : changed;
    });
    const answers = await scene.next(others, { ...scene.args, ...args });
    return harmed.flatMap(({ id }, at) => {
      const answer = answers.find((one) => one.id === others[at]?.id);
      return answer === undefined ? [] : { ...answer, id };
    });
  });
};
