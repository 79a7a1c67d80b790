/**
 * The commit point: the VM stands still, both copies are equal, and the destination says so. From
 * here on the VM is what stands at the destination, wherever the rest of the run ends.
 */
import type { MoveTarget } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { moveMsMax } from './limits.ts';
import { moveTarget, recordOf } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { change, type Share, settle } from './targets.ts';

const withRecords = (call: StepCall<VmItem>): Share<MoveTarget>[] =>
  call.items.map((item) => ({
    id: item.id,
    targets: [moveTarget(call, item, recordOf(item, 'destination', 'in-progress'))],
  }));

export const cutOver = defineVmStep({
  name: 'cut-over',
  side: 'protected',
  remote: 'compute',
  timeoutMs: moveMsMax,
  verbs: ['cutOver'],

  run: (call) => change(call, withRecords(call), 'cutOver'),
  settle: (call) => settle(call, withRecords(call), 'cutOver'),
  undo: 'no-return',
  onFault: patient(stop('item')),
});
