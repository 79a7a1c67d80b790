/** Takes the datastores off the protected site's hosts, so that nobody writes during the change. */
import { undoUnlessClosed } from './handed-over.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

export const unmount = defineStorageStep({
  name: 'unmount',
  paths: ['cold'],
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['unmount'],
  helpers: ['mount'],
  undoVerbs: ['mount'],

  run: (call) => changeDatastores(call, 'unmount'),
  settle: (call) => settleDatastores(call, 'unmount'),
  undo: undoUnlessClosed((call) => changeDatastores(call, 'mount')),
  onFault: patient(),
});
