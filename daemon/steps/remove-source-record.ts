/**
 * The source is done with. The destination's record stays: for as long as a replica of the source
 * may arrive from before this, it is what tells the two apart; a newer migration replaces it.
 */
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { removeRecord, settleRemoval } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';

export const removeSourceRecord = defineVmStep({
  name: 'remove-source-record',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['removeFile'],

  run: (call) => removeRecord(call, 'source'),
  settle: (call) => settleRemoval(call, 'source'),
  undo: 'no-return',
  onFault: patient(stop('item')),
});
