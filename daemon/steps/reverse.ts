/** Turns the flow of replication round: the site that was failed over to becomes the source. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeGroups, settleGroups } from './targets.ts';

export const reverse = defineStorageStep({
  name: 'reverse',
  when: 'in-line',
  paths: ['cold'],
  side: 'recovery',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['reverse'],

  run: (call) => changeGroups(call, 'reverse'),
  settle: (call) => settleGroups(call, 'reverse'),
  // What the old source held beyond the common point is overwritten from here on.
  undo: 'no-return',
  onFault: patient(),
});
