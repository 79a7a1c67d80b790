/**
 * The call is made with other arguments, or for other targets than were asked for, so that the
 * remote itself fails it: its own code, its own words, its own time. Answers come back under the
 * ids that were asked for.
 */
import { isDeepStrictEqual } from 'node:util';
import type { TargetVerb } from '../../../sdk/plugin/verbs.ts';
import type { Facts } from '../../../sdk/scenario/rule.ts';
import { argNames, targetNames } from '../../host/shapes.ts';
import { type Apply, choosing, harming } from './scene.ts';

/** Those that a plugin may look at. */
const known = (facts: Facts, names: readonly string[] = []): Facts =>
  Object.fromEntries(Object.entries(facts).filter(([name]) => names.includes(name)));

export const parameter: Apply<'parameter'> = (injection, scene) => {
  const { args = {}, target = {}, targets: chosen } = injection;
  return harming(scene, choosing(chosen), async (harmed) => {
    const others = harmed.map(({ id, ...more }, at) => {
      const changed = { id, ...more, ...target };
      // Several targets under one id would be one.
      return 'id' in target && at > 0 ? { ...changed, id: `${changed.id}-${at}` } : changed;
    });
    const facts = known(target, targetNames);
    const isOther = harmed.some((one) => !isDeepStrictEqual({ ...one, ...facts }, one));
    const changed = { ...scene.args, ...known(args, argNames[scene.verb as TargetVerb]) };
    if (isOther || !isDeepStrictEqual(changed, scene.args)) scene.struck();
    const answers = await scene.next(others, { ...scene.args, ...args });
    return harmed.flatMap(({ id }, at) => {
      const answer = answers.find((one) => one.id === others[at]?.id);
      return answer === undefined ? [] : { ...answer, id };
    });
  });
};
