/** The front of the world: every call is counted at its remote before anything else happens. */
import { FaultError, isReading, type OperationStatus, type Settlement } from '@siteswap/sdk/plugin';
import { failDrawn, failOrdered, type silence, takeArmed } from './failures.ts';
import { bookOf, isOldEpoch, type Ledger, noteCall } from './ledger.ts';
import * as listings from './listings.ts';
import type { World } from './model.ts';
import { elapse, progressOf } from './operations.ts';
import { no } from './outcome.ts';
import type { ListRequest, PollRequest, SettleRequest, VerbRequest } from './requests.ts';
import { type Answers, perform, type Remote } from './verbs.ts';

const remoteOf = (world: World, remoteId: string): Remote => {
  const remote = world.storages.get(remoteId) ?? world.computes.get(remoteId);
  if (remote !== undefined) return remote;
  const known = [...world.storages.keys(), ...world.computes.keys()].join(', ');
  const hint = `The world has ${known}.`;
  throw new FaultError(no('missing', 'UNKNOWN_REMOTE', `the world has no ${remoteId}`, hint));
};

/** The remote, with the call counted there; throws when nobody answers at it. */
const reach = (world: World, remoteId: string, what: string): Remote => {
  const remote = remoteOf(world, remoteId);
  noteCall(world.ledger, remoteId, what, remote.down);
  if (!remote.down) return remote;
  throw new FaultError(no('unreachable', 'NOT_REACHABLE', `${remoteId} does not answer`));
};

/** Uses one verb: an answer per target, in any order, or none at all (`silence`). */
export const callVerb = (
  world: World,
  now: number,
  request: VerbRequest,
): Answers | typeof silence => {
  elapse(world, now);
  const { ledger } = world;
  const { verb, remoteId, key, epoch } = request;
  const remote = reach(world, remoteId, verb);
  if (!isReading(verb)) world.changes += 1;
  if (!isReading(verb) && isOldEpoch(ledger, remoteId, key, epoch)) {
    throw new FaultError(no('fenced', 'OLD_EPOCH', `a newer epoch than ${epoch} drives this run`));
  }
  const armed = ledger.armed.length === 0 ? undefined : takeArmed(world, request);
  if (armed !== undefined) return failOrdered(world, now, remote, request, armed);
  if (ledger.faults.length > 0) return failDrawn(world, now, remote, request);
  return perform(world, now, remote, request);
};

/** One page of a listing; of the other kind of remote there is nothing to list. */
export const callList = (world: World, now: number, request: ListRequest): object => {
  elapse(world, now);
  const { verb, page } = request;
  const remote = reach(world, request.remoteId, verb);
  if (remote.kind === 'array') {
    if (verb === 'discoverArrays') return listings.discoverArrays(world, remote, page);
    if (verb === 'discoverDevices') return listings.discoverDevices(world, remote, page, now);
  } else {
    if (verb === 'listVms') return listings.listVms(world, remote, page);
    if (verb === 'listDatastores') return listings.listDatastores(world, remote, page);
  }
  return { items: [] };
};

const mayStillLand = (ledger: Ledger, book: string, id: string): boolean => {
  if (ledger.underWay.has(book)) return true;
  for (const late of ledger.late) if (late.book === book && late.targetIds.has(id)) return true;
  return false;
};

/** What became of the calls of a verb under a key. `absent`: nothing of it can land any more. */
export const callSettle = (
  world: World,
  now: number,
  request: SettleRequest,
): readonly Settlement[] => {
  elapse(world, now);
  const { ledger } = world;
  const { verb, remoteId, key, epoch, targets } = request;
  reach(world, remoteId, `settle ${verb}`);
  // Whoever asks has the licence: from here on calls under an older one do nothing.
  isOldEpoch(ledger, remoteId, key, epoch);
  const book = bookOf(remoteId, verb, key);
  const successes = ledger.books.get(book);
  return targets.map(({ id }): Settlement => {
    const success = successes?.get(id);
    if (success === undefined) {
      return { id, verdict: mayStillLand(ledger, book, id) ? 'running' : 'absent' };
    }
    if ('operation' in success) {
      const { operation } = success;
      if (operation.state === 'done') {
        return { id, verdict: 'done', evidence: operation.evidence };
      }
      return { id, verdict: operation.state === 'running' ? 'running' : 'absent' };
    }
    const { evidence } = success;
    return evidence === undefined ? { id, verdict: 'done' } : { id, verdict: 'done', evidence };
  });
};

/** How far accepted operations are. */
export const callPoll = (
  world: World,
  now: number,
  request: PollRequest,
): readonly OperationStatus[] => {
  elapse(world, now);
  const { id: remoteId } = reach(world, request.remoteId, 'operationStatus');
  return request.targets.map(({ id, operation: name }): OperationStatus => {
    const operation = world.operations.get(name);
    if (operation === undefined || operation.remoteId !== remoteId) {
      const fault = no('missing', 'UNKNOWN_OPERATION', `${remoteId} knows no operation ${name}`);
      return { id, state: 'failed', fault };
    }
    if (operation.fault !== undefined) return { id, state: 'failed', fault: operation.fault };
    if (operation.state === 'done') return { id, state: 'done', evidence: operation.evidence };
    return { id, state: 'running', progress: progressOf(world, operation, now) };
  });
};
