/**
 * Which id of a pair a command is sent with, verb by verb. A recovery manager knows a pair by its
 * first id only, and a command is sent to the array that it was given to: there the first id stands
 * for that array's end of the pair, which at the second array is the peer id.
 *
 * Source: US 9,442,811.
 */
import type { Direction } from '../../sdk/plugin/model.ts';
import { computeVerbs, storageVerbs, type Verb } from '../../sdk/plugin/verbs.ts';

export type Addressing =
  /** The end that sends: at the first array it keeps the first id. */
  | 'source'
  /** The end that receives: gets the peer id. */
  | 'target'
  /** The end at the array that is called, whatever its role is by now: roles swap under these. */
  | 'called'
  /** Datastores of a compute: their devices are those of the array at its site. */
  | 'datastores'
  /** What is listed is shown under first ids. */
  | 'listing'
  /** Names no device. */
  | 'none';

export const addressing: Readonly<Record<Verb, Addressing>> = {
  discoverArrays: 'none',
  discoverDevices: 'listing',
  deviceStatus: 'called',
  recoveryPoints: 'called',
  sync: 'source',
  syncStatus: 'target',
  snapshot: 'called',
  listSnapshots: 'called',
  removeSnapshot: 'called',
  prepareFailover: 'source',
  failover: 'target',
  fence: 'called',
  testFailoverStart: 'target',
  testFailoverStop: 'target',
  reverse: 'called',
  resync: 'called',
  restoreReplication: 'called',
  suspendReplication: 'called',
  resumeReplication: 'called',
  setSitePreference: 'called',

  listVms: 'none',
  vmStatus: 'none',
  listDatastores: 'listing',
  mount: 'datastores',
  unmount: 'datastores',
  register: 'none',
  unregister: 'none',
  powerOn: 'none',
  shutDown: 'none',
  powerOff: 'none',
  migrateLive: 'none',
  cancelMigration: 'none',
  migrationStatus: 'none',
  readFile: 'none',
  writeFile: 'none',
  listFiles: 'none',
  removeFile: 'none',
  findInstances: 'none',
  chooseInstance: 'none',
  mirrorDisks: 'none',
  cutOver: 'none',
  removeDisks: 'none',
};

/**
 * Refused at an end of this direction, before anything is sent: a test that touches the active
 * device is none. Verbs that change roles are not here, because a retry after the effect finds the
 * roles changed and must reach the end that the first try reached. Nor is a question: either end
 * can say how far a sync is, and a final sync is compared with what its source said before.
 */
export const wrongSide: Readonly<Partial<Record<Verb, Direction>>> = {
  sync: 'incoming',
  testFailoverStart: 'outgoing',
};

/**
 * Throws when a verb of the contract is missing here, or one stands here that the contract does not
 * know: a new verb must not pass with ids that nobody has thought about.
 */
export const checkAddressing = (
  verbs: readonly string[] = [...storageVerbs, ...computeVerbs],
  table: Readonly<Record<string, Addressing>> = addressing,
): void => {
  const missing = verbs.filter((verb) => !Object.hasOwn(table, verb));
  const strange = Object.keys(table).filter((verb) => !verbs.includes(verb));
  if (missing.length + strange.length === 0) return;
  throw new Error(
    `the table of presented verbs lacks [${missing}] and has [${strange}] beyond the contract`,
  );
};
