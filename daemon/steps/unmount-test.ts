/** Takes the test copies' datastores off the recovery site's hosts. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

export const unmountTest = defineStorageStep({
  name: 'unmount-test',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['unmount'],

  run: (call) => changeDatastores(call, 'unmount'),
  settle: (call) => settleDatastores(call, 'unmount'),
  undo: 'no-return',
  onFault: patient(),
});
