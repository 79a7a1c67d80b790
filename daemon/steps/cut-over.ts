/**
 * The commit point: the VM stands still, both copies are equal, and the destination says so. From
 * here on the VM is what stands at the destination, wherever the rest of the run ends.
 */
import { inDoubt } from '../../sdk/plugin/fault.ts';
import type { Answer, MoveTarget } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { moveMsMax } from './limits.ts';
import { digestsThere, moveTarget, recordOf } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep, type Failed, type StepCall } from './step.ts';
import { change, type Share, settle } from './targets.ts';

const withRecords = (call: StepCall<VmItem>): Share<MoveTarget>[] =>
  call.items.map((item) => ({
    id: item.id,
    targets: [moveTarget(call, item, recordOf(item, 'destination', 'in-progress'))],
  }));

/** A fault says that the call failed; the destination's record, whether the VM has gone over. */
const judge = async (
  call: StepCall<VmItem>,
  failed: readonly Failed[],
): Promise<readonly Answer[]> => {
  const ids = new Set(failed.filter(({ fault }) => !inDoubt(fault)).map(({ id }) => id));
  const items = call.items.filter(({ id }) => ids.has(id));
  const there = items.length === 0 ? new Map() : await digestsThere({ ...call, items });
  return failed.map((one) => {
    const digest = there.get(one.id);
    return typeof digest === 'string' ? { id: one.id, ok: true, evidence: { digest } } : one;
  });
};

export const cutOver = defineVmStep({
  name: 'cut-over',
  side: 'protected',
  remote: 'compute',
  timeoutMs: moveMsMax,
  verbs: ['cutOver', 'readFile'],
  calls: { run: ['cutOver', 'readFile'] },

  run: (call) => change(call, withRecords(call), 'cutOver'),
  judge,
  settle: (call) => settle(call, withRecords(call), 'cutOver'),
  undo: 'no-return',
  onFault: patient(stop('item')),
});
