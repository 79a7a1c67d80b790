/** From the injections that a task carries to what happens to one of its calls. */
import type { Injection } from '../../core/injection.ts';
import { delay } from './delay.ts';
import { duplicate } from './duplicate.ts';
import { error } from './error.ts';
import { failLater } from './fail-later.ts';
import { hang } from './hang.ts';
import { lostReply } from './lost-reply.ts';
import { parameter } from './parameter.ts';
import { partial } from './partial.ts';
import { refuse } from './refuse.ts';
import { type Answers, type Apply, choosing, type Scene } from './scene.ts';
import { staleRead } from './stale-read.ts';
import { workerCrash } from './worker-crash.ts';
import { workerOutOfMemory } from './worker-out-of-memory.ts';
import { wrongResult } from './wrong-result.ts';

const appliers: { readonly [E in Injection['effect']]: Apply<E> } = {
  error,
  refuse,
  delay,
  hang,
  'lost-reply': lostReply,
  duplicate,
  'stale-read': staleRead,
  'wrong-result': wrongResult,
  parameter,
  'fail-later': failLater,
  partial,
  'worker-crash': workerCrash,
  'worker-out-of-memory': workerOutOfMemory,
};

/** The table has each effect's own; which it is stands in the injection. */
const applyOne = (injection: Injection, scene: Scene): Answers =>
  (appliers[injection.effect] as (one: Injection, scene: Scene) => Answers)(injection, scene);

/** Of a call that several may change. */
export type Struck = (rule: string) => void;

/** How many calls a job has made: of all verbs, and of this one; this call included. */
export interface Ordinals {
  readonly all: number;
  readonly own: number;
}

/** Those that are for this call: of its verb and ordinal, with one of their targets in it. */
export const injectionsFor = (
  injections: readonly Injection[],
  { verb, targets }: Pick<Scene, 'verb' | 'targets'>,
  { all, own }: Ordinals,
): readonly Injection[] =>
  injections.filter((injection) => {
    const isChosen = choosing(injection.targets);
    if (!targets.some(({ id }) => isChosen(id))) return false;
    if (injection.verb === undefined) return all === (injection.call ?? 1);
    if (injection.verb !== verb) return false;
    return injection.call === undefined || own === injection.call;
  });

/** Wraps the call in them, the first outermost. */
export const applyAll = (
  injections: readonly Injection[],
  scene: Omit<Scene, 'struck'>,
  struck: Struck,
): Answers => {
  const [injection, ...inner] = injections;
  if (injection === undefined) return scene.next(scene.targets, scene.args);
  const next: Scene['next'] = (targets, args) =>
    applyAll(inner, { ...scene, targets, args }, struck);
  return applyOne(injection, { ...scene, next, struck: () => struck(injection.rule) });
};
