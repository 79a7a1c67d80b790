/** Brings the copies close to the originals while the VMs still run, so that the stop is short. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const sync = defineStorageStep({
  name: 'sync',
  side: 'protected',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['sync'],

  run: (call) => changeGroups(call, 'sync'),
  settle: (call) => settleGroups(call, 'sync'),
  // A newer recovery point at the target harms nobody.
  undo: 'nothing-to-undo',
  onFault: patient(),
});
