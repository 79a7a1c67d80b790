/**
 * Done is not consistent: an array that says it has copied must also say as of when the copy is
 * consistent, or nobody knows what a promote would open.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { Answer, SyncStatus } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import type { Done, StepCall } from './step.ts';
import { syncsOfGroups } from './targets.ts';

const judge = ({ id, evidence }: Done, status: SyncStatus): Answer => {
  const { state, recoveryPoint: point } = status;
  if (state === 'in-progress') return { id, fault: fault('busy', `${id} is still being copied`) };
  if (state === 'none' || point === undefined) {
    const message = `${id} was synced, and nobody says as of when its copy is consistent`;
    return { id, fault: fault('conflict', message) };
  }
  const said = {
    recoveryPoint: point.id,
    recoveryPointAtMs: point.atMs,
    recoveryPointBy: point.by,
  };
  return { id, ok: true, evidence: { ...evidence, ...said } };
};

/**
 * A sync that names the recovery point it has reached is proven by that; of others the array is
 * asked. It comes after the VMs have stopped, so whatever is complete now holds their last bytes.
 */
export const proveSync = async (
  call: StepCall<StorageItem>,
  done: readonly Done[],
): Promise<readonly Answer[]> => {
  const isProven = ({ evidence }: Done) => typeof evidence?.recoveryPointAtMs === 'number';
  const ids = new Set(done.filter((each) => !isProven(each)).map(({ id }) => id));
  // What an earlier run has brought over is promoted already: no sync was asked for.
  const items = call.items.filter(({ id, handedOver }) => ids.has(id) && handedOver !== true);
  if (items.length === 0) return done;
  const answers = new Map((await syncsOfGroups({ ...call, items })).map((one) => [one.id, one]));
  return done.map((each) => {
    const answer = answers.get(each.id);
    if (answer === undefined) return each;
    return 'fault' in answer ? answer : judge(each, answer.value);
  });
};
