/**
 * Writes into both datastores that the VM's disks move, before the first byte does: whatever
 * arrives at the recovery site from now on says which copy is the VM. Taken back, the copy is given
 * up and said to be: the source's record stays, so that what lags is not taken for the newer one.
 *
 * Nothing at the destination is given up or removed before its record has been read: past the
 * commit point it is the VM, whatever became of the call that led there.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { Answer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import {
  digestsThere,
  inTurn,
  movesOf,
  recordOf,
  removeRecord,
  settleRecords,
  writeRecords,
} from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { change } from './targets.ts';

/** Proven by the destination's own record: that there is none is a proof as well. */
const notCommitted = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const there = await digestsThere(call);
  return call.items.map(({ id, move }): Answer => {
    const read = there.get(id);
    if (read === undefined) return { id, ok: true };
    if (typeof read === 'object') {
      return 'fault' in read && read.fault.kind !== 'missing' ? read : { id, ok: true };
    }
    const what = `the migration of ${id} has completed: it stands on ${move?.toDatastoreId}`;
    return { id, fault: fault('conflict', what, { hint: 'Go on with the run.' }) };
  });
};

export const beginStorageMigration = defineVmStep({
  name: 'begin-storage-migration',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['writeFile'],
  helpers: ['removeDisks', 'removeFile', 'readFile'],
  undoVerbs: ['readFile', 'writeFile', 'removeDisks', 'removeFile'],

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
      notCommitted,
      (some) => writeRecords(some, (item) => [recordOf(item, 'destination', 'aborted')]),
      (some) => change(some, movesOf(some), 'removeDisks', { end: 'to' }),
      (some) => writeRecords(some, (item) => [recordOf(item, 'source', 'aborted')]),
      (some) => removeRecord(some, 'destination'),
    ]),
  onFault: patient(stop('item')),
});
