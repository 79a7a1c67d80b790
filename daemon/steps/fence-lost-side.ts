/**
 * Cuts the lost side of stretched devices off, at the storage that is left: a writer that comes
 * back there fails. No call goes to the lost site.
 *
 * A fence stays: which side's data counts once the site is back is a person's decision.
 */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const fenceLostSide = defineStorageStep({
  name: 'fence-lost-side',
  paths: ['stretched'],
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['fence'],

  run: (call) => changeGroups(call, 'fence'),
  settle: (call) => settleGroups(call, 'fence'),
  undo: 'stays',
  onFault: patient(),
});
