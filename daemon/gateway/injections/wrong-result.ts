/**
 * A lie in the right form. A changing call is not made and answered done; a question is asked, and
 * in what it was answered some facts are others. What is no longer in form is told as a bad answer.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Evidence } from '../../../sdk/plugin/verbs.ts';
import type { Facts } from '../../../sdk/scenario/rule.ts';
import { badAnswer } from '../../host/faults.ts';
import { firstProblem, itemShapes, valueShapes } from '../../host/shapes.ts';
import { type Apply, choosing, harming, type Said, type Scene } from './scene.ts';

const over = (value: unknown, set: Facts): unknown => {
  if (Array.isArray(value)) return value.map((one) => over(one, set));
  return typeof value === 'object' && value !== null ? { ...value, ...set } : value;
};

/** Of what became of a call, and of what it has come to. */
const factsOf = {
  settle: ['verdict', 'evidence', 'why'],
  poll: ['state', 'progress', 'evidence', 'fault'],
} as const;

/** Facts that nobody has a place for are dropped: the answer may be what it was. */
const lied = (answer: Said, set: Facts, { verb, asks }: Scene): Said => {
  if ('verdict' in answer || 'state' in answer) {
    const known: readonly string[] = factsOf['verdict' in answer ? 'settle' : 'poll'];
    const facts = Object.entries(set).filter(([name]) => known.includes(name));
    return { ...answer, ...Object.fromEntries(facts) } as Said;
  }
  if (!('value' in answer)) return answer;
  const page = asks === 'listing' ? (answer.value as { items: readonly unknown[] }) : undefined;
  const value = over(page?.items ?? answer.value, set);
  const shape = valueShapes[verb as keyof typeof valueShapes];
  const itemShape = itemShapes[verb as keyof typeof itemShapes]?.array();
  const { error, data = value } = (shape ?? itemShape)?.safeParse(value) ?? {};
  if (error) return { id: answer.id, fault: badAnswer(`${verb}: ${firstProblem(error)}`) };
  return { id: answer.id, value: page === undefined ? data : { ...page, items: data } };
};

export const wrongResult: Apply<'wrong-result'> = ({ set = {}, targets: chosen }, scene) => {
  const { verb, asks, args } = scene;
  const isQuestion = asks !== 'verb' || verb in valueShapes;
  return harming(scene, choosing(chosen), async (harmed) => {
    if (!isQuestion) {
      scene.struck();
      return harmed.map(({ id }) => ({ id, ok: true, evidence: set as Evidence }));
    }
    return (await scene.next(harmed, args)).map((answer) => {
      const told = lied(answer, set, scene);
      if (!isDeepStrictEqual(told, answer)) scene.struck();
      return told;
    });
  });
};
