/** Removes what the VM has left in the source datastore; its record goes last, by its own step. */
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { movesOf } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { change, settle } from './targets.ts';

export const removeSourceDisks = defineVmStep({
  name: 'remove-source-disks',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['removeDisks'],

  run: (call) => change(call, movesOf(call), 'removeDisks', { end: 'from' }),
  settle: (call) => settle(call, movesOf(call), 'removeDisks', { end: 'from' }),
  undo: 'no-return',
  onFault: patient(stop('item')),
});
