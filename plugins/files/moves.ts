/** The verbs of storage migration: they make room, ask and look; the VM's own process copies. */
import type { Evidence, MoveTarget, Settlement } from '@siteswap/sdk/plugin';
import {
  admit,
  checkDeadline,
  type Licence,
  recall,
  remember,
  unbound,
} from '@siteswap/sdk/plugin/kit';
import { type CatalogVm, freeExtent } from './catalog.ts';
import {
  type ComputeState,
  type Mount,
  openMount,
  placeOf,
  readCompute,
  withAdmitted,
  withCompute,
} from './compute.ts';
import { changeCatalog } from './datastore-files.ts';
import { failure } from './faults.ts';
import { drainMsMax, moveMsMax } from './limits.ts';
import { checkOnSite } from './machines.ts';
import { isOpen as isMigrating, readMigration, type VmAt } from './migration.ts';
import { concludeMove, isOpen, type Move, readMove, saveMove } from './move.ts';
import { waitUntil } from './processes.ts';
import { licenceOf } from './seats.ts';
import type { ComputeSession } from './session.ts';
import { runningVm } from './vm-process.ts';

const whatOf = (verb: string, { instance, id, migrationId }: MoveTarget): string =>
  `${verb}/${placeOf(instance, id)}/${migrationId}`;

const atOf = ({ directory }: ComputeSession, { instance, id }: MoveTarget): VmAt => ({
  directory,
  instance,
  id,
});

const mountedAt = async (
  compute: ComputeSession,
  { mounts }: ComputeState,
  target: MoveTarget,
  datastoreId: string,
): Promise<Mount> => {
  const mount = mounts[placeOf('production', datastoreId)];
  if (mount !== undefined) return mount;
  await checkOnSite(compute, target.id);
  throw failure('conflict', `datastore ${datastoreId} is not mounted here`, {
    hint: 'Mount it first.',
  });
};

/** A copy of the VM's entry at the destination, with room for the same bytes; made once. */
const makeRoom = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  state: ComputeState,
): Promise<void> => {
  const from = await mountedAt(compute, state, target, target.fromDatastoreId);
  const to = await mountedAt(compute, state, target, target.toDatastoreId);
  licenceOf((await openMount(from)).group, 'production');
  const { catalog } = await openMount(from);
  const entry = catalog.vms.find(({ id }) => id === target.id);
  if (entry === undefined) {
    throw failure('missing', `VM ${target.id} is not on datastore ${from.id}`);
  }
  await changeCatalog(to, call, (there, sizeBytes) => {
    const known = there.vms.find(({ id }) => id === target.id);
    if (known?.copying === target.migrationId) return there;
    if (known !== undefined && known.copying === undefined) {
      throw failure('conflict', `datastore ${to.id} holds a copy of VM ${target.id} already`);
    }
    const others = there.vms.filter(({ id }) => id !== target.id);
    const extent = freeExtent({ ...there, vms: others }, sizeBytes, entry.extent.length);
    if (extent === undefined) {
      throw failure('refused', `datastore ${to.id} has no room for VM ${target.id}`, {
        code: 'FILES_DATASTORE_FULL',
        hint: 'Move it to a larger one.',
      });
    }
    const copy: CatalogVm = { ...entry, extent, copying: target.migrationId };
    return { ...there, vms: [...others, copy] };
  });
};

/** It stands at the destination, and no longer at the source. */
const hasGone = (state: ComputeState, { id, instance, ...move }: MoveTarget): boolean => {
  const on = state.vms[placeOf(instance, id)]?.datastoreIds ?? [];
  return on.includes(move.toDatastoreId) && !on.includes(move.fromDatastoreId);
};

const expectQuiet = (target: MoveTarget, move: Move | undefined): void => {
  if (move?.state !== 'cutting' || move.id === target.migrationId) return;
  throw failure('busy', `the disks of VM ${target.id} are being cut over right now`);
};

/** Puts the record down, for the VM's process to find; true: the VM has moved already. */
const ask = (compute: ComputeSession, call: Licence, target: MoveTarget): Promise<boolean> =>
  withCompute(compute.directory, call, async (held) => {
    const { state } = held;
    if (hasGone(state, target)) return true;
    const admitted = admit(state, call);
    const alive = runningVm(compute.directory, target.instance, target.id);
    const boot = state.vms[placeOf(target.instance, target.id)]?.boot;
    if (alive?.phase !== 'running' || boot === undefined || target.instance === 'test') {
      throw failure('conflict', `VM ${target.id} does not run here`, { hint: 'Power it on.' });
    }
    const at = atOf(compute, target);
    const leaving = await readMigration(at);
    if (leaving !== undefined && isMigrating(leaving)) {
      throw failure('busy', `VM ${target.id} is on its way to ${leaving.to.computeId}`);
    }
    const known = await readMove(at);
    expectQuiet(target, known);
    const isUnderWay = known?.id === target.migrationId && known.bootId === boot.bootId;
    if (isUnderWay && isOpen(known)) return false;
    const from = boot.disks.find(({ datastoreId }) => datastoreId === target.fromDatastoreId);
    const to = await mountedAt(compute, state, target, target.toDatastoreId);
    const entry = (await openMount(to)).catalog.vms.find(({ id }) => id === target.id);
    if (from === undefined || entry === undefined) {
      throw failure('missing', `VM ${target.id} is not on datastore ${target.fromDatastoreId}`);
    }
    await held.commit(admitted);
    checkDeadline(call);
    const there = { ...to.disk, datastoreId: to.id, extent: entry.extent };
    const ids = { id: target.migrationId, bootId: boot.bootId };
    await saveMove(at, { ...ids, from, to: there, state: 'copying' });
    return false;
  });

/** The newest record once it says one of these, or the VM that works on it has ended. */
const awaitMove = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  over: (move: Move) => boolean,
): Promise<Move> => {
  let now: Move | undefined;
  const isOver = async (): Promise<boolean> => {
    now = await concludeMove(atOf(compute, target));
    return now === undefined || now.id !== target.migrationId || !isOpen(now) || over(now);
  };
  await waitUntil(isOver, moveMsMax, call.signal);
  if (now?.id === target.migrationId && over(now)) return now;
  if (now?.id === target.migrationId && isOpen(now)) {
    throw failure('timeout', `the disks of VM ${target.id} are still on their way`);
  }
  const why = now?.reason ?? now?.state ?? 'it was given up';
  throw failure('interrupted', `the disks of VM ${target.id} stay where they are: ${why}`);
};

const isEqual = ({ state }: Move): boolean => state !== 'copying' && state !== 'failed';

const note = (compute: ComputeSession, call: Licence, what: string, evidence: Evidence) =>
  withCompute(compute.directory, unbound(call), async (held) => {
    await held.commit(remember(admit(held.state, call), { key: call.key, what, evidence }));
  });

export const mirrorDisks = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Evidence> => {
  const state = await readCompute(compute.directory);
  if (hasGone(state, target)) return {};
  await concludeMove(atOf(compute, target));
  await withAdmitted(compute.directory, call, (now) => makeRoom(compute, call, target, now));
  if (await ask(compute, call, target)) return {};
  await awaitMove(compute, call, target, isEqual);
  return {};
};

export const settleMirror = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Settlement> => {
  const { id } = target;
  await concludeMove(atOf(compute, target));
  return withCompute(compute.directory, call, async ({ state }): Promise<Settlement> => {
    const move = await readMove(atOf(compute, target));
    if (hasGone(state, target)) return { id, verdict: 'done' };
    if (move?.id !== target.migrationId || !isOpen(move)) return { id, verdict: 'absent' };
    return { id, verdict: move.state === 'copying' ? 'running' : 'done' };
  });
};

const evidenceOf = ({ digest = '', interruptionMs = 0 }: Move): Evidence => ({
  digest,
  interruptionMs,
});

/** Asks the VM's process to cut over; answers the evidence of one that has. */
const askCut = (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Evidence | undefined> =>
  withCompute(compute.directory, call, async (held) => {
    const at = atOf(compute, target);
    const known = recall(held.state, call.key, whatOf('cutOver', target));
    const move = await readMove(at);
    if (known !== undefined) return known;
    const isOurs = move?.id === target.migrationId;
    if (isOurs && move.state === 'over') return evidenceOf(move);
    if (hasGone(held.state, target)) return {};
    if (isOurs && move.state === 'cutting') return undefined;
    if (!isOurs || move.state !== 'equal') {
      await checkOnSite(compute, target.id);
      throw failure('conflict', `the disks of VM ${target.id} are not mirrored`, {
        hint: 'Mirror them again.',
      });
    }
    await held.commit(admit(held.state, call));
    checkDeadline(call);
    await saveMove(at, { ...move, state: 'cutting', record: target.record ?? '' });
    return undefined;
  });

export const cutOver = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Evidence> => {
  await concludeMove(atOf(compute, target));
  const known = await askCut(compute, call, target);
  if (known !== undefined) return known;
  const move = await awaitMove(compute, call, target, ({ state }) => state === 'over');
  await note(compute, call, whatOf('cutOver', target), evidenceOf(move));
  return evidenceOf(move);
};

export const settleCutOver = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Settlement> => {
  const { id } = target;
  const move = await concludeMove(atOf(compute, target));
  return withCompute(compute.directory, call, async ({ state }): Promise<Settlement> => {
    const evidence = recall(state, call.key, whatOf('cutOver', target));
    if (evidence !== undefined) return { id, verdict: 'done', evidence };
    const isOurs = move?.id === target.migrationId;
    if (isOurs && move.state === 'over') return { id, verdict: 'done', evidence: evidenceOf(move) };
    return { id, verdict: isOurs && move.state === 'cutting' ? 'running' : 'absent' };
  });
};

/** No write goes to the copy any more: its VM has seen that, or is gone. */
const giveUp = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<void> => {
  const at = atOf(compute, target);
  await concludeMove(at);
  const move = await withAdmitted(compute.directory, call, async () => {
    const now = await readMove(at);
    if (now?.id !== target.migrationId || !isOpen(now)) return undefined;
    if (now.state === 'cutting') {
      throw failure('busy', `the disks of VM ${target.id} are being cut over right now`);
    }
    checkDeadline(call);
    await saveMove(at, { ...now, state: 'cancelled' });
    return now;
  });
  if (move === undefined) return;
  // The process looks between two writes, so one look's time is enough; a dead one writes no more.
  const { instance, id } = target;
  const ended = () => runningVm(compute.directory, instance, id)?.mirroring !== move.id;
  if (await waitUntil(ended, drainMsMax)) return;
  throw failure('busy', `VM ${id} still writes to the copy`);
};

/** Takes the VM's entry, and with it its room, out of a datastore that it is not on. */
export const removeDisks = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  end: 'from' | 'to',
): Promise<Evidence> => {
  const datastoreId = end === 'from' ? target.fromDatastoreId : target.toDatastoreId;
  if (end === 'to') await giveUp(compute, call, target);
  return withAdmitted(compute.directory, call, async (state): Promise<Evidence> => {
    if (state.vms[placeOf(target.instance, target.id)]?.datastoreIds.includes(datastoreId)) {
      throw failure('conflict', `VM ${target.id} stands on datastore ${datastoreId}`, {
        code: 'FILES_IN_USE',
      });
    }
    const mount = await mountedAt(compute, state, target, datastoreId);
    await changeCatalog(mount, call, (catalog) => {
      const vms = catalog.vms.filter(({ id }) => id !== target.id);
      return vms.length === catalog.vms.length ? catalog : { ...catalog, vms };
    });
    return {};
  });
};

/** What is gone stays gone: nothing but a move puts it there. */
export const settleRemoval = async (
  compute: ComputeSession,
  target: MoveTarget,
  end: 'from' | 'to',
): Promise<Settlement> => {
  const { id } = target;
  const datastoreId = end === 'from' ? target.fromDatastoreId : target.toDatastoreId;
  const state = await readCompute(compute.directory);
  const { catalog } = await openMount(await mountedAt(compute, state, target, datastoreId));
  const isThere = catalog.vms.some((vm) => vm.id === id);
  return { id, verdict: isThere ? 'absent' : 'done' };
};
