/** From the injections that a task carries to what happens to one of its calls. */
import type { Injection } from '../injection.ts';
import { delay } from './delay.ts';
import { error } from './error.ts';
import { hang } from './hang.ts';
import { lostReply } from './lost-reply.ts';
import type { Answers, Scene } from './scene.ts';
import { workerCrash } from './worker-crash.ts';

const applyOne = (injection: Injection, scene: Scene): Answers => {
  switch (injection.effect) {
    case 'error':
      return error(injection, scene);
    case 'delay':
      return delay(injection, scene);
    case 'hang':
      return hang(injection, scene);
    case 'lost-reply':
      return lostReply(injection, scene);
    case 'worker-crash':
      return workerCrash(injection, scene);
  }
};

/** Those that are for this call: of its verb, or of no verb when it is the task's first. */
export const injectionsFor = (
  injections: readonly Injection[],
  verb: string,
  first: boolean,
): readonly Injection[] =>
  injections.filter((injection) =>
    injection.verb === undefined ? first : injection.verb === verb,
  );

/** Wraps the call in them, the first outermost. */
export const applyAll = (injections: readonly Injection[], scene: Scene): Answers => {
  const [injection, ...inner] = injections;
  if (injection === undefined) return scene.next(scene.targets);
  const next: Scene['next'] = (targets) => applyAll(inner, { ...scene, targets });
  return applyOne(injection, { ...scene, next });
};
