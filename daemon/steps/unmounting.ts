/**
 * What `unmount-test` and `unmount-returned` share: what was mounted there is not wanted again.
 */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep, type StorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

export const unmountStep = (where: Pick<StorageStep, 'name' | 'side' | 'paths'>): StorageStep =>
  defineStorageStep({
    ...where,
    remote: 'compute',
    timeoutMs: changeMsMax,
    verbs: ['unmount'],

    run: (call) => changeDatastores(call, 'unmount'),
    settle: (call) => settleDatastores(call, 'unmount'),
    undo: 'no-return',
    onFault: patient(),
  });
