/**
 * Writes into both datastores that the VM's disks move, before the first byte does: whatever
 * arrives at the recovery site from now on says which copy is the VM. Taken back, the copy is given
 * up and said to be: the source's record stays, so that what lags is not taken for the newer one.
 */
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { inTurn, movesOf, recordOf, removeRecord, settleRecords, writeRecords } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { change } from './targets.ts';

export const beginStorageMigration = defineVmStep({
  name: 'begin-storage-migration',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['writeFile'],
  helpers: ['removeDisks', 'removeFile'],

  run: (call) =>
    inTurn(call, [
      (some) => writeRecords(some, (item) => [recordOf(item, 'source', 'in-progress')]),
      (some) => writeRecords(some, (item) => [recordOf(item, 'destination', 'in-progress')]),
    ]),
  settle: (call) =>
    settleRecords(call, (item) => [
      recordOf(item, 'source', 'in-progress'),
      recordOf(item, 'destination', 'in-progress'),
    ]),
  undo: (call) =>
    inTurn(call, [
      (some) => writeRecords(some, (item) => [recordOf(item, 'destination', 'aborted')]),
      (some) => change(some, movesOf(some), 'removeDisks', { end: 'to' }),
      (some) => writeRecords(some, (item) => [recordOf(item, 'source', 'aborted')]),
      (some) => removeRecord(some, 'destination'),
    ]),
  onFault: patient(stop('item')),
});
