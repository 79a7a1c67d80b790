/** Gives the recovery site's hosts the datastores: the promoted ones, or the test copies. */
import type { StorageItem } from '../core/frozen.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { changeDatastores, settleDatastores } from './targets.ts';

/** Hosts of both sites may have a stretched device mounted: what they had before, they keep. */
const whatWeMounted = (item: StorageItem): StorageItem => ({
  ...item,
  datastores: item.datastores.filter(({ mountedThere }) => mountedThere !== true),
});

export const mount = defineStorageStep({
  name: 'mount',
  paths: ['cold', 'stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['mount'],
  helpers: ['unmount'],
  undoVerbs: ['unmount'],

  run: (call) => changeDatastores(call, 'mount'),
  settle: (call) => settleDatastores(call, 'mount'),
  undo: (call) => changeDatastores({ ...call, items: call.items.map(whatWeMounted) }, 'unmount'),
  onFault: patient(),
});
