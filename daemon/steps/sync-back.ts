/** Fills the old source from the new one: from here the plan is protected the other way round. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const syncBack = defineStorageStep({
  name: 'sync-back',
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['sync'],

  run: (call) => changeGroups(call, 'sync'),
  settle: (call) => settleGroups(call, 'sync'),
  // A newer recovery point at the target harms nobody.
  undo: 'nothing-to-undo',
  onFault: patient(),
});
