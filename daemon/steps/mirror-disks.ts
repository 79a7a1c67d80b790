/**
 * Copies the disks while the VM runs and every write goes to both copies. What is half copied is
 * given up with the records (`begin-storage-migration`), so there is nothing to undo by itself.
 */
import { stop } from '../core/policy.ts';
import { moveMsMax } from './limits.ts';
import { movesOf } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { change, settle } from './targets.ts';

export const mirrorDisks = defineVmStep({
  name: 'mirror-disks',
  side: 'protected',
  remote: 'compute',
  timeoutMs: moveMsMax,
  verbs: ['mirrorDisks'],

  run: (call) => change(call, movesOf(call), 'mirrorDisks'),
  settle: (call) => settle(call, movesOf(call), 'mirrorDisks'),
  undo: 'nothing-to-undo',
  onFault: patient(stop('item')),
});
