/**
 * Long operations, and everything else that happens by itself as time passes. Nothing here waits:
 * `elapse` is called with the time before each use of the world, and does what had become due.
 */
import type { Evidence, Fault } from '@siteswap/sdk/plugin';
import { operationsMax } from './limits.ts';
import type { Job, Operation, World } from './model.ts';
import { no } from './outcome.ts';

const endsAt = (world: World, operation: Operation): number =>
  operation.touchedAt + operation.leftMs / world.speed;

const end = (world: World, operation: Operation): void => {
  world.running.delete(operation);
  operation.job.release();
};

const isFault = (found: Evidence | Fault): found is Fault => 'owner' in found && 'kind' in found;

const finish = (world: World, operation: Operation, at: number): void => {
  end(world, operation);
  const outcome = operation.job.finish(at);
  if (outcome === undefined) return;
  if (isFault(outcome)) {
    operation.state = 'failed';
    operation.fault = outcome;
  } else {
    operation.state = 'done';
    operation.evidence = outcome;
  }
};

/** Ends an operation without its effect. */
export const cut = (world: World, operation: Operation, why: string, now: number): void => {
  if (operation.state !== 'running') return;
  world.changes += 1;
  end(world, operation);
  operation.state = 'failed';
  operation.fault = no('interrupted', 'OPERATION_CUT', `${operation.id} was cut short: ${why}`);
  operation.job.cutShort?.(now);
};

const reckonDue = (world: World): void => {
  let dueAt = Number.POSITIVE_INFINITY;
  for (const late of world.ledger.late) dueAt = Math.min(dueAt, late.dueAt);
  for (const operation of world.running) dueAt = Math.min(dueAt, endsAt(world, operation));
  world.dueAt = dueAt;
};

/** Something was added that happens by itself at `at`. */
export const comesDue = (world: World, at: number): void => {
  world.dueAt = Math.min(world.dueAt, at);
};

/** Does, in order of time, all that had become due by `now`. Costs nothing when nothing had. */
export const elapse = (world: World, now: number): void => {
  while (world.dueAt <= now) {
    world.changes += 1;
    const due: { readonly at: number; readonly happen: () => void }[] = [];
    for (const late of world.ledger.late) {
      if (late.dueAt > now) continue;
      const happen = (): void => {
        if (world.ledger.late.delete(late)) late.land(late.dueAt);
      };
      due.push({ at: late.dueAt, happen });
    }
    for (const operation of world.running) {
      const at = endsAt(world, operation);
      if (at > now) continue;
      const happen = (): void => {
        if (operation.state === 'running') finish(world, operation, at);
      };
      due.push({ at, happen });
    }
    due.sort((one, other) => one.at - other.at);
    for (const { happen } of due) happen();
    reckonDue(world);
  }
};

const dropOldest = (world: World): void => {
  for (const [id, operation] of world.operations) {
    if (world.operations.size <= operationsMax) return;
    if (operation.state !== 'running') world.operations.delete(id);
  }
};

/** Starts a job, which is done at once when its verb takes no time. */
export const start = (
  world: World,
  now: number,
  verb: Operation['verb'],
  more: { readonly remoteId: string; readonly targetId: string; readonly job: Job },
): Operation => {
  const totalMs = world.operationMs[verb];
  world.operationsMade += 1;
  const operation: Operation = {
    id: `op-${world.operationsMade}`,
    verb,
    ...more,
    startedAt: now,
    totalMs,
    leftMs: totalMs,
    touchedAt: now,
    state: 'running',
    evidence: {},
    fault: undefined,
  };
  world.operations.set(operation.id, operation);
  dropOldest(world);
  world.running.add(operation);
  if (totalMs === 0) finish(world, operation, now);
  else comesDue(world, endsAt(world, operation));
  return operation;
};

/** 0 to 1. */
export const progressOf = (world: World, operation: Operation, now: number): number => {
  if (operation.state === 'done' || operation.totalMs === 0) return 1;
  const left = operation.leftMs - (now - operation.touchedAt) * world.speed;
  return Math.min(1, Math.max(0, 1 - left / operation.totalMs));
};

/** Operations run this much faster than configured, from now on. */
export const setSpeed = (world: World, now: number, speed: number): void => {
  for (const operation of world.running) {
    operation.leftMs -= (now - operation.touchedAt) * world.speed;
    operation.touchedAt = now;
  }
  world.speed = speed;
  reckonDue(world);
};
