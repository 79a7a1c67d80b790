/**
 * The record of a VM's disk on its way to another datastore: one durable file beside the VM,
 * changed only under its compute's lock. It says what is to be done; that it *is* done stands in
 * the destination itself, where the record of the migration is sealed, and whoever finds it sealed
 * there brings the compute after it.
 *
 *     copying → equal → cutting → over          failed or cancelled from each of the first two;
 *                                               failed from the third, if nothing was sealed
 */
import { decodeRecord, recordPathOf } from '@siteswap/sdk/plugin';
import { readCatalog } from './catalog.ts';
import { type ComputeState, placeOf, type VmDisk, withCompute } from './compute.ts';
import { format, readJson, writeJson } from './durable.ts';
import { groupAt, ownLicence } from './group.ts';
import { imageFile, moveFile, vmDirectory } from './layout.ts';
import type { VmAt } from './migration.ts';
import { reachStorage } from './storage.ts';
import { runningVm } from './vm-process.ts';

export interface Move {
  readonly format: number;
  /** The migration's id. */
  readonly id: string;
  /** The mirror lives as long as this boot does. */
  readonly bootId: string;
  readonly from: VmDisk;
  readonly to: VmDisk;
  readonly state: 'copying' | 'equal' | 'cutting' | 'over' | 'failed' | 'cancelled';
  /** Cutting: the destination's record, to be sealed. */
  readonly record?: string;
  readonly reason?: string;
  /** Over: of the disk's bytes at the commit point, and how long nobody wrote. */
  readonly digest?: string;
  readonly interruptionMs?: number;
}

const fileOf = ({ directory, instance, id }: VmAt): string =>
  moveFile(vmDirectory(directory, instance, id));

export const readMove = (vm: VmAt): Promise<Move | undefined> => readJson<Move>(fileOf(vm));

/** The caller holds the compute. */
export const saveMove = (vm: VmAt, move: Omit<Move, 'format'>): Promise<void> =>
  writeJson(fileOf(vm), { format, ...move });

/** Writes go to both copies. */
export const isOpen = ({ state }: Move): boolean =>
  state === 'copying' || state === 'equal' || state === 'cutting';

/** Takes the record one step on; false when it is no longer in one of the states before. */
export const advanceMove = (
  vm: VmAt,
  id: string,
  before: readonly Move['state'][],
  more: Pick<Move, 'state'> & Partial<Move>,
): Promise<boolean> =>
  withCompute(vm.directory, ownLicence(), async () => {
    const now = await readMove(vm);
    if (now?.id !== id || !before.includes(now.state)) return false;
    await saveMove(vm, { ...now, ...more });
    return true;
  });

/** The digest that was sealed at the destination; undefined: the move is not committed. */
export const sealedDigest = async (
  { id: migrationId, to: { arrayId, directory, groupId, deviceId } }: Move,
  vmId: string,
): Promise<string | undefined> => {
  const at = groupAt(await reachStorage(directory, arrayId), groupId);
  const catalog = await readCatalog(imageFile(at.directory, deviceId, 'production'));
  const record = decodeRecord(catalog?.files[recordPathOf(vmId)] ?? '');
  const isSealed = record?.migrationId === migrationId && record.state === 'completed';
  return isSealed ? record.digest : undefined;
};

/** The VM stands at the destination from now on, in the compute's books. */
const withDisk = (state: ComputeState, { instance, id }: VmAt, { from, to }: Move) => {
  const vm = state.vms[placeOf(instance, id)];
  if (vm === undefined) return state;
  const datastoreIds = vm.datastoreIds.map((one) =>
    one === from.datastoreId ? to.datastoreId : one,
  );
  const disks = vm.boot?.disks.map((disk) => (disk.datastoreId === from.datastoreId ? to : disk));
  const boot = vm.boot === undefined || disks === undefined ? {} : { boot: { ...vm.boot, disks } };
  return {
    ...state,
    vms: { ...state.vms, [placeOf(instance, id)]: { ...vm, datastoreIds, ...boot } },
  };
};

/** Brings the compute after what was sealed. Can be done again after a crash anywhere in it. */
export const followMove = (vm: VmAt, id: string, more: Partial<Move>): Promise<void> =>
  withCompute(vm.directory, ownLicence(), async (held) => {
    const move = await readMove(vm);
    if (move?.id !== id || !isOpen(move)) return;
    await held.commit(withDisk(held.state, vm, move));
    await saveMove(vm, { ...move, ...more, state: 'over' });
  });

/**
 * Concludes a move whose VM has ended: committed, if the destination is sealed, else failed. While
 * the VM runs its own process does that. Answers the newest record.
 */
export const concludeMove = async (vm: VmAt): Promise<Move | undefined> => {
  const move = await readMove(vm);
  if (move === undefined || !isOpen(move)) return move;
  const alive = runningVm(vm.directory, vm.instance, vm.id);
  if (alive?.bootId === move.bootId) return move;
  const digest = await sealedDigest(move, vm.id);
  if (digest !== undefined) await followMove(vm, move.id, { digest, interruptionMs: 0 });
  else {
    const reason = 'the VM ended on its way';
    await advanceMove(vm, move.id, ['copying', 'equal', 'cutting'], { state: 'failed', reason });
  }
  return readMove(vm);
};
