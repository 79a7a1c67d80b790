/** What a VM that goes over live stands on: its disks there, and the groups that go along. */
import type { Licence } from '@siteswap/sdk/plugin/kit';
import { type Carried, carriedBy, checkAlone, writersLock } from './carried.ts';
import type { Registered } from './compute.ts';
import { disksOf } from './disks.ts';
import { failure, faultOf, isUnreachable } from './faults.ts';
import { withLocks } from './locks.ts';
import type { BlockDevice } from './machine.ts';
import type { Migration } from './migration.ts';
import { mountVerbs } from './mounts.ts';
import type { Ends } from './rescue.ts';
import type { ComputeSession } from './session.ts';
import { openSwap } from './swap.ts';

/** Its datastores, at the hosts of the compute that it goes to; what goes along is there. */
const mountThere = async (
  to: ComputeSession,
  call: Licence,
  vm: Registered,
  carried: readonly Carried[],
): Promise<void> => {
  const goesAlong = new Set(carried.flatMap(({ datastoreIds }) => datastoreIds));
  const targets = vm.datastoreIds
    .filter((id) => !goesAlong.has(id))
    .map((id) => ({ id, instance: vm.instance }));
  const context = { ...call, session: to, attempt: 1, targets, args: {} };
  for (const answer of await mountVerbs.mount.run(context)) {
    if ('fault' in answer) {
      const { kind, message, ...more } = answer.fault;
      throw failure(kind === 'missing' ? 'refused' : kind, message, more);
    }
  }
};

/** Undefined: not all that they are on is mounted there. */
const disksMounted = async (to: ComputeSession, vm: Registered, migrationId?: string) => {
  try {
    return await disksOf(to, vm, migrationId);
  } catch (error) {
    // To mount is to find out: it starts what is down, or says what is wrong.
    if (faultOf(error)?.kind === 'conflict' || isUnreachable(error)) return undefined;
    throw error;
  }
};

export const disksThere = async (
  to: ComputeSession,
  call: Licence,
  { vm, id }: Migration,
  carried: readonly Carried[],
): Promise<readonly BlockDevice[]> => {
  const mounted = await disksMounted(to, vm, id);
  if (mounted !== undefined) return mounted;
  await mountThere(to, call, vm, carried);
  return disksOf(to, vm, id);
};

/** What a VM stands on, before anything is done for it. */
export interface Standing {
  readonly carried: readonly Carried[];
  /** As its destination opens them, where nothing has to be done for that. */
  readonly disks?: readonly BlockDevice[];
}

export const standingOf = async (
  { source, destination }: Ends,
  vm: Registered | undefined,
): Promise<Standing> => {
  if (vm === undefined) return { carried: [] };
  const carried = await carriedBy(source, destination, vm);
  const disks = carried.length > 0 ? undefined : await disksMounted(destination, vm);
  return disks === undefined ? { carried } : { carried, disks };
};

/** From here on nobody else opens what goes along. */
export const openSwaps = async (
  { source }: Ends,
  call: Licence,
  { id, vm, toComputeId }: Migration,
  carried: readonly Carried[],
): Promise<void> => {
  const locks = carried.map(({ pair }) => writersLock(pair.from));
  await withLocks(locks, call.signal, async () => {
    for (const { pair } of carried) await checkAlone(source, pair, vm);
    for (const { pair, deviceIds } of carried) {
      await openSwap(pair, { migrationId: id, computeId: toComputeId }, deviceIds);
    }
  });
};
