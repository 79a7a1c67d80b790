/**
 * Done is not consistent: an array that says it has copied must also say as of when the copy is
 * consistent, or nobody knows what a promote would open. That moment must be one at which nobody
 * wrote any more. Clocks of different machines do not agree, so an array's points are measured
 * against that array's own clock, or against the point that it named before.
 */
import { type Fault, type FaultKind, fault } from '../../sdk/plugin/fault.ts';
import type { Answer, SyncStatus } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import type { Done, Found, StepCall, UndoCall } from './step.ts';
import { syncsOfGroups } from './targets.ts';

/** What an array said ahead of the sync, when all VMs had stopped. */
interface Since {
  readonly clockMs?: number;
  readonly pointAtMs?: number;
}

/** Asked again these may be answered; of others nothing will be known. */
const passing: ReadonlySet<FaultKind> = new Set(['busy', 'timeout', 'interrupted', 'unreachable']);

/** Per item what the array's time is now; null: it cannot say. */
export const lookBeforeSync = async (call: StepCall<StorageItem>): Promise<readonly Found[]> =>
  (await syncsOfGroups(call)).map((answer): Found => {
    if ('fault' in answer) {
      return passing.has(answer.fault.kind) ? answer : { id: answer.id, value: null };
    }
    const { clockMs, recoveryPoint } = answer.value;
    const pointAtMs = recoveryPoint?.atMs;
    const since: Since = {
      ...(clockMs === undefined ? {} : { clockMs }),
      ...(pointAtMs === undefined ? {} : { pointAtMs }),
    };
    return { id: answer.id, value: since };
  });

/** No write can be newer than the point. */
const isLast = (atMs: number, { clockMs, pointAtMs }: Since): boolean =>
  clockMs === undefined ? pointAtMs === undefined || atMs > pointAtMs : atMs >= clockMs;

const unproven = (id: string, why: string, kind: 'busy' | 'conflict'): { fault: Fault } => ({
  fault: fault(kind, `${id} ${why}`),
});

const judge = ({ id, evidence }: Done, status: SyncStatus, since: Since): Answer => {
  const { state, recoveryPoint: point } = status;
  if (state === 'in-progress') return { id, ...unproven(id, 'is still being copied', 'busy') };
  if (state === 'none' || point === undefined) {
    const why = 'was synced, and nobody says as of when its copy is consistent';
    return { id, ...unproven(id, why, 'conflict') };
  }
  if (!isLast(point.atMs, since)) {
    const why = 'was synced, and its newest recovery point is of before its VMs had stopped';
    return { id, ...unproven(id, why, 'busy') };
  }
  const said = {
    recoveryPoint: point.id,
    recoveryPointAtMs: point.atMs,
    recoveryPointBy: point.by,
  };
  return { id, ok: true, evidence: { ...evidence, ...said } };
};

/**
 * A sync that names the recovery point it has reached is proven by that, if it is of after the VMs
 * had stopped; of others the array is asked.
 */
export const proveSync = async (
  call: UndoCall<StorageItem>,
  done: readonly Done[],
): Promise<readonly Answer[]> => {
  const sinceOf = (id: string): Since => (call.before[id] ?? {}) as Since;
  const isProven = ({ id, evidence }: Done): boolean => {
    const atMs = evidence?.recoveryPointAtMs;
    return typeof atMs === 'number' && isLast(atMs, sinceOf(id));
  };
  const ids = new Set(done.filter((each) => !isProven(each)).map(({ id }) => id));
  // What an earlier run has brought over is promoted already: no sync was asked for.
  const items = call.items.filter(({ id, handedOver }) => ids.has(id) && handedOver !== true);
  if (items.length === 0) return done;
  const answers = new Map((await syncsOfGroups({ ...call, items })).map((one) => [one.id, one]));
  return done.map((each) => {
    const answer = answers.get(each.id);
    if (answer === undefined) return each;
    return 'fault' in answer ? answer : judge(each, answer.value, sinceOf(each.id));
  });
};
