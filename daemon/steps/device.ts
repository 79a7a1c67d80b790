/**
 * The single steps of device runs: one storage verb for a recovery manager that brings its own
 * orchestration. It gets every target's own result, so no fault ever stops or undoes the others.
 *
 * `side: protected` means here: the array that is called.
 */
import type { StorageItem } from '../core/frozen.ts';
import { goOn, type Policy } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { defineStorageStep, type StepCall, type StorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

const report: Policy = { rules: [], otherwise: goOn };

/** What a device run can do. */
export type DeviceVerb =
  | 'sync'
  | 'removeSnapshot'
  | 'prepareFailover'
  | 'failover'
  | 'testFailoverStart'
  | 'testFailoverStop'
  | 'reverse'
  | 'resync'
  | 'restoreReplication'
  | 'setSitePreference';

/** Only `failover` needs an argument: forced only when that was asked for in so many words. */
const argsOf = (verb: DeviceVerb, call: StepCall<StorageItem>) =>
  verb === 'failover' ? { ...call.args, force: call.args?.force === true } : { ...call.args };

const deviceStep = (verb: DeviceVerb, undo: { by: DeviceVerb } | 'nothing-to-undo' | 'no-return') =>
  defineStorageStep({
    name: `device-${verb}`,
    side: 'protected',
    remote: 'array',
    timeoutMs: changeMsMax,
    verbs: [verb],
    helpers: typeof undo === 'string' ? [] : [undo.by],
    ...(typeof undo !== 'string' && { undoVerbs: [undo.by] }),

    run: (call) => changeGroups(call, verb, argsOf(verb, call)),
    settle: (call) => settleGroups(call, verb, argsOf(verb, call)),
    undo: typeof undo === 'string' ? undo : (call) => changeGroups(call, undo.by, {}),
    onFault: report,
  });

export const deviceSteps: readonly StorageStep[] = [
  deviceStep('sync', 'nothing-to-undo'),
  deviceStep('removeSnapshot', 'no-return'),
  deviceStep('prepareFailover', { by: 'restoreReplication' }),
  deviceStep('failover', { by: 'restoreReplication' }),
  deviceStep('testFailoverStart', { by: 'testFailoverStop' }),
  deviceStep('testFailoverStop', 'no-return'),
  deviceStep('reverse', 'no-return'),
  deviceStep('resync', 'no-return'),
  deviceStep('restoreReplication', 'no-return'),
  deviceStep('setSitePreference', 'no-return'),
];
