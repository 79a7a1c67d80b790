/**
 * A VM's own part in arriving from another compute: it gets ready beside the process that still
 * writes, and takes over once that has offered. It never writes before the record says `taken`.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from './faults.ts';
import { type GroupAt, readGroup } from './group.ts';
import { arrivalPollMs, bootMsMax, handOverMsMax } from './limits.ts';
import { advance, isOpen, type Migration, readMigration, type VmAt } from './migration.ts';
import { isAlive } from './processes.ts';
import { licenceOf } from './seats.ts';
import { readVmProcess } from './vm-process.ts';

/** The migration that this process was started for; throws when it has been given up. */
export const openMigration = async (source: VmAt, id: string): Promise<Migration> => {
  const found = await readMigration(source);
  if (found?.id === id && isOpen(found)) return found;
  throw failure('fenced', `the migration of VM ${source.id} was given up`);
};

/** Whether the process at the source is still there to offer anything. */
const isThere = ({ directory, instance, id }: VmAt): boolean => {
  const found = readVmProcess(directory, instance, id);
  return found !== undefined && isAlive(found);
};

/** Returns when this process may sit down and write. */
export const takeOver = async (
  source: VmAt,
  id: string,
  groups: readonly GroupAt[],
): Promise<void> => {
  for (const at of groups) licenceOf(await readGroup(at), source.instance);
  const giveUpAt = performance.now() + bootMsMax + handOverMsMax;
  for (;;) {
    const found = await openMigration(source, id);
    if (found.state === 'offered' && (await advance(found, ['offered'], { state: 'taken' })))
      return;
    if ((found.state === 'asked' && !isThere(source)) || performance.now() > giveUpAt) {
      throw failure('fenced', `VM ${source.id} was not offered to this compute`);
    }
    await sleep(arrivalPollMs);
  }
};
