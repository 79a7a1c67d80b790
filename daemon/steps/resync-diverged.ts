/**
 * After a disaster the copy at the returned site is made equal to the site that went on. What was
 * written there alone is a snapshot first; whether it stays is what a person chose.
 */
import type { StorageItem } from '../core/frozen.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep, type StepCall } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

/** Without a word nothing is let go. */
const choice = ({ args }: StepCall<StorageItem>) => ({
  changes: args?.changes === 'discard' ? ('discard' as const) : ('keep' as const),
});

export const resyncDiverged = defineStorageStep({
  name: 'resync-diverged',
  when: 'diverged',
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['resync'],

  run: (call) => changeGroups(call, 'resync', choice(call)),
  settle: (call) => settleGroups(call, 'resync', choice(call)),
  // What the old source held is overwritten from here on.
  undo: 'no-return',
  onFault: patient(),
});
