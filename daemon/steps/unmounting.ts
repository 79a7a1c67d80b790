/**
 * What `unmount-test` and `unmount-returned` share: what was mounted there is not wanted again.
 */
import type { StorageItem } from '../core/frozen.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { runUnlessFree, settleUnlessFree } from './sparing.ts';
import { defineStorageStep, type StepCall, type StorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

type Call = StepCall<StorageItem>;

export const unmountStep = (where: Pick<StorageStep, 'name' | 'side' | 'paths'>): StorageStep =>
  defineStorageStep({
    ...where,
    remote: 'compute',
    timeoutMs: changeMsMax,
    verbs: ['unmount'],

    run: runUnlessFree((call: Call) => changeDatastores(call, 'unmount')),
    settle: settleUnlessFree((call: Call) => settleDatastores(call, 'unmount')),
    undo: 'no-return',
    onFault: patient(),
  });
