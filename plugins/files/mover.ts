/**
 * The mover: a process that carries out an array's operations and ends when there are none left.
 *
 *     node mover.js <array directory>
 *
 * It is started by whoever accepts or polls an operation, and needs nobody afterwards.
 */
import type { Evidence } from '@siteswap/sdk/plugin';
import { remember } from '@siteswap/sdk/plugin/kit';
import { dropSnapshot, keepApart } from './copies.ts';
import { failure, faultOrUnknown } from './faults.ts';
import { type GroupAt, groupAt, ownLicence, readGroup, withGroup } from './group.ts';
import { blockBytes, moverLanes, moverStartsMax, progressMsMin } from './limits.ts';
import { tryLock, unlock } from './lock.ts';
import {
  type End,
  moverLockOf,
  type Operation,
  openOperations,
  reportOperation,
  saveOperation,
} from './operations.ts';
import { turnPair } from './pairing.ts';
import { replicate } from './replicate.ts';
import { reachStorage, type Storage } from './storage.ts';

const at = async (end: End, groupId: string): Promise<GroupAt> =>
  groupAt(await reachStorage(end.directory, end.arrayId), groupId);

/** A replica keeps its recovery point until what it holds is safe; writers have to end before. */
const keepAndTurn = async (sender: GroupAt, receiver: GroupAt, snapshot: string): Promise<void> => {
  const { role, applying } = await readGroup(receiver);
  const isStill = role === 'replica' && applying === undefined;
  if (isStill) await keepApart(receiver, snapshot);
  await turnPair(sender, receiver);
  if (!isStill) await keepApart(receiver, snapshot);
};

const perform = async (storage: Storage, operation: Operation): Promise<Evidence> => {
  const sender = await at(operation.sender, operation.groupId);
  const receiver = await at(operation.receiver, operation.groupId);
  const { id, verb, changes } = operation;
  const snapshot = verb === 'resync' ? `before-resync-${id.slice(0, 12)}` : undefined;
  if (snapshot !== undefined) await keepAndTurn(sender, receiver, snapshot);
  else if (verb === 'reverse') await turnPair(sender, receiver);
  let reportedAt = 0;
  const { point, blocks } = await replicate(sender, receiver, async (progress) => {
    if (performance.now() - reportedAt < progressMsMin) return;
    reportedAt = performance.now();
    await reportOperation(storage, { ...operation, progress });
  });
  if (snapshot !== undefined && changes === 'discard') await dropSnapshot(receiver, snapshot);
  return {
    ...(snapshot === undefined ? {} : { snapshot }),
    recoveryPoint: point.id,
    recoveryPointAtMs: point.atMs,
    lineage: point.lineage,
    blocksMoved: blocks,
    bytesMoved: blocks * blockBytes,
  };
};

/** The group remembers the success (never a failure) and is free for the next operation. */
const settle = (storage: Storage, ended: Operation): Promise<void> =>
  withGroup(groupAt(storage, ended.groupId), ownLicence(), async ({ state, commit }) => {
    const { operation, ...free } = state;
    const { key, what, evidence } = ended;
    if (operation !== ended.id) return;
    await commit(evidence === undefined ? free : remember(free, { key, what, evidence }));
  });

const outcomeOf = async (storage: Storage, operation: Operation): Promise<Operation> => {
  try {
    if (operation.starts > moverStartsMax) {
      throw failure('interrupted', `${operation.verb} was begun ${moverStartsMax} times in vain`);
    }
    const evidence = await perform(storage, operation);
    return { ...operation, state: 'done', progress: 1, evidence };
  } catch (error) {
    return { ...operation, state: 'failed', fault: faultOrUnknown(error) };
  }
};

const carryOut = async (storage: Storage, found: Operation): Promise<void> => {
  const begun = { ...found, starts: found.starts + 1 };
  await saveOperation(storage, begun);
  const ended = await outcomeOf(storage, begun);
  await settle(storage, ended);
  await saveOperation(storage, ended);
};

const main = async (directory: string): Promise<void> => {
  const storage = await reachStorage(directory);
  const held = await tryLock(moverLockOf(storage));
  if (held === undefined) return;
  const lane = async (waiting: Operation[]): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await carryOut(storage, next);
    }
  };
  for (;;) {
    const open = await openOperations(storage);
    if (open.length === 0) break;
    await Promise.all(Array.from({ length: moverLanes }, () => lane(open)));
  }
  await unlock(held);
};

await main(process.argv[2] as string);
