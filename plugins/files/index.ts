/**
 * The embedded default plugin: storage and compute made of directories, files and processes. Real
 * bytes move between real sites, so everything that Siteswap promises can be tried, broken and
 * counted without a storage system.
 */
import { definePlugin } from '@siteswap/sdk/plugin';
import { eachTarget } from './calls.ts';
import { computeVerbs } from './compute-verbs.ts';
import { configSchema } from './config.ts';
import { faultOf, faultOrUnknown } from './faults.ts';
import { operationStatus } from './operations.ts';
import { openSession, type Session, storageOf } from './session.ts';
import { arrayVerbs } from './storage-verbs.ts';
import { softwareVersion } from './views.ts';

export default definePlugin<typeof configSchema, Session>({
  name: 'files',
  version: softwareVersion,
  contract: 1,
  config: configSchema,
  properties: {
    fences: true,
    atomicGroups: true,
    updateModes: ['active', 'asynchronous'],
    keepsRecoveryPoints: true,
    stretched: true,
  },
  open: openSession,
  faultOf,
  operationStatus: async ({ session, signal, targets }) => {
    const storage = await storageOf(session, signal);
    return eachTarget(
      targets,
      ({ id, operation }) => operationStatus(storage, id, operation),
      ({ id }, error) => ({ id, state: 'failed', fault: faultOrUnknown(error) }),
    );
  },
  verbs: { ...arrayVerbs, ...computeVerbs },
});
