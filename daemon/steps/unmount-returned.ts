/** Takes the old datastores off the hosts of the site that is back: their bytes are replaced. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

export const unmountReturned = defineStorageStep({
  name: 'unmount-returned',
  paths: ['cold'],
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['unmount'],

  run: (call) => changeDatastores(call, 'unmount'),
  settle: (call) => settleDatastores(call, 'unmount'),
  undo: 'no-return',
  onFault: patient(),
});
