/** Copies the last bytes: the VMs are off, so what arrives now is all there is. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const finalSync = defineStorageStep({
  name: 'final-sync',
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
