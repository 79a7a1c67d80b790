/** Gives the recovery site's hosts the datastores: the promoted ones, or the test copies. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

export const mount = defineStorageStep({
  name: 'mount',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['mount'],
  helpers: ['unmount'],

  run: (call) => changeDatastores(call, 'mount'),
  settle: (call) => settleDatastores(call, 'mount'),
  undo: (call) => changeDatastores(call, 'unmount'),
  onFault: patient(),
});
