/**
 * What `sync`, `final-sync` and `sync-back` share: they differ in when they run, and from where.
 */
import type { Side } from '../core/frozen.ts';
import { runUnlessOver, settleUnlessOver } from './handed-over.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep, type StorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

/** `side`: whose array is asked to send what it has. */
export const syncStep = (name: string, side: Side): StorageStep =>
  defineStorageStep({
    name,
    paths: ['cold'],
    side,
    remote: 'array',
    timeoutMs: changeMsMax,
    verbs: ['sync'],

    run: runUnlessOver((call) => changeGroups(call, 'sync')),
    settle: settleUnlessOver((call) => settleGroups(call, 'sync')),
    // A newer recovery point at the target harms nobody.
    undo: 'nothing-to-undo',
    onFault: patient(),
  });
