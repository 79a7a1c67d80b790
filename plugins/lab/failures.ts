/** Failures made on purpose: ordered for the next calls, or drawn by a seeded rule. */
import type { Fault } from '@siteswap/sdk/plugin';
import { drawer } from './chance.ts';
import { type Armed, bookOf, ordinalsOf } from './ledger.ts';
import type { World } from './model.ts';
import { comesDue } from './operations.ts';
import { no } from './outcome.ts';
import type { Named, RemoteRequest, VerbRequest } from './requests.ts';
import { type Answers, perform, type Remote } from './verbs.ts';

/** The call is never answered; what it did stands. */
export const silence = Symbol('silence');

const isFor = (armed: Armed, { verb, remoteId, targets }: VerbRequest): boolean =>
  armed.verb === verb &&
  (armed.remoteId === undefined || armed.remoteId === remoteId) &&
  (armed.targetIds === undefined || targets.some(({ id }) => armed.targetIds?.includes(id)));

/** The failure that was ordered for this call; one of its times is used up. */
export const takeArmed = (world: World, request: VerbRequest): Armed | undefined => {
  const { armed } = world.ledger;
  const at = armed.findIndex((one) => isFor(one, request));
  const found = armed[at];
  if (found === undefined) return undefined;
  found.times -= 1;
  if (found.times <= 0) armed.splice(at, 1);
  return found;
};

const orderedFault = (armed: Armed, verb: string, id: string): Fault => ({
  ...no(armed.kind ?? 'unknown', 'ORDERED', armed.message ?? `${verb} of ${id} was made to fail`),
  ...(armed.code === undefined ? {} : { code: armed.code }),
});

/** The effect lands later, whoever has given up on the call by then. */
const landLate = (world: World, remote: Remote, request: VerbRequest, dueAt: number): void => {
  world.ledger.late.add({
    remoteId: remote.id,
    book: bookOf(request.remoteId, request.verb, request.key),
    targetIds: new Set(request.targets.map(({ id }) => id)),
    dueAt,
    land: (at) => {
      if (!remote.down) perform(world, at, remote, request);
    },
  });
  comesDue(world, dueAt);
};

/** What a remote had yet to do when its site lost its power is never done. */
export const dropLate = (world: World, remoteId: string): void => {
  for (const late of world.ledger.late) {
    if (late.remoteId === remoteId) world.ledger.late.delete(late);
  }
};

/** What was done under a call's key cannot be missing when that is called once more. */
const isThere = ({ ledger }: World, { remoteId, verb, key }: VerbRequest, id: string): boolean =>
  ledger.books.get(bookOf(remoteId, verb, key))?.has(id) === true;

/** The call, with a failure for the targets that were named, and the others as ever. */
export const failOrdered = (
  world: World,
  now: number,
  remote: Remote,
  request: VerbRequest,
  armed: Armed,
): Answers | typeof silence => {
  const { verb, targets } = request;
  const isHit = ({ id }: Named): boolean =>
    (armed.targetIds?.includes(id) ?? true) &&
    !(armed.kind === 'missing' && isThere(world, request, id));
  const hit = { ...request, targets: targets.filter(isHit) };
  const others = { ...request, targets: targets.filter((target) => !isHit(target)) };
  const answers = perform(world, now, remote, others);
  if (armed.effect === 'done') perform(world, now, remote, hit);
  if (armed.effect === 'late') landLate(world, remote, hit, now + (armed.lateMs ?? 0));
  if (armed.kind === undefined) return silence;
  return [
    ...answers,
    ...hit.targets.map(({ id }) => ({ id, fault: orderedFault(armed, verb, id) })),
  ];
};

const drawFaults = (world: World, request: VerbRequest): ReadonlyMap<string, Fault> => {
  const { verb, remoteId, targets } = request;
  const faults = new Map<string, Fault>();
  for (const rule of world.ledger.faults) {
    if (rule.verb !== verb) continue;
    if (rule.remoteId !== undefined && rule.remoteId !== remoteId) continue;
    const draw = drawer(rule.seed, verb);
    const nextOrdinal = ordinalsOf(world.ledger, verb);
    for (const { id } of targets) {
      if (draw(id, rule.always ? 0 : nextOrdinal(id)) >= rule.rate) continue;
      if (rule.kind === 'missing' && isThere(world, request, id)) continue;
      const fault = no(rule.kind, 'DRAWN', `${verb} of ${id} failed by chance`);
      faults.set(id, rule.code === undefined ? fault : { ...fault, code: rule.code });
    }
  }
  return faults;
};

/** The call, with a fault for those targets that the seeded rules hit. */
export const failDrawn = (
  world: World,
  now: number,
  remote: Remote,
  request: VerbRequest,
): Answers => {
  const faults = drawFaults(world, request);
  if (faults.size === 0) return perform(world, now, remote, request);
  const targets = request.targets.filter(({ id }) => !faults.has(id));
  const answers = perform(world, now, remote, { ...request, targets }).values();
  return request.targets.map(({ id }) => {
    const fault = faults.get(id);
    return fault === undefined ? (answers.next().value as Answers[number]) : { id, fault };
  });
};

/** Milliseconds that a call takes: by the newest rule that fits it; 0 without one. */
export const latencyOf = (world: World, request: RemoteRequest): number => {
  const verb = request.kind === 'poll' ? 'operationStatus' : request.verb;
  const rule = world.ledger.latencies.findLast(
    (one) =>
      (one.remoteId === undefined || one.remoteId === request.remoteId) &&
      (one.verb === undefined || one.verb === verb),
  );
  if (rule === undefined) return 0;
  if (rule.jitterMs === 0) return rule.ms;
  const id = 'targets' in request ? (request.targets[0]?.id ?? '') : '';
  const ordinal = ordinalsOf(world.ledger, `latency of ${verb}`)(id);
  return rule.ms + rule.jitterMs * drawer(rule.seed, verb)(id, ordinal);
};
