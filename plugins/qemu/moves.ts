/**
 * Storage migration: a guest's disk goes to another datastore while it runs. What is under way is a
 * mirror in the guest's QEMU and dies with it. Durable are the copy's entry in the catalog at the
 * destination, which says of what migration it is a part, the sealed record, and a note at the
 * compute that a cut-over was begun: whoever comes next goes on by what the record says.
 * Source: US 9,417,976.
 */
import {
  decodeRecord,
  type Evidence,
  type MoveTarget,
  recordPathOf,
  type Settlement,
  sealRecord,
} from '@siteswap/sdk/plugin';
import {
  admit,
  checkDeadline,
  type Licence,
  ownLicence,
  recall,
  remember,
} from '@siteswap/sdk/plugin/kit';
import { type Catalog, type CatalogVm, type Extent, roomIn, writeCatalog } from './catalog.ts';
import { type ComputeState, readCompute, vmLock, withCompute } from './compute.ts';
import {
  changeDatastore,
  diskFor,
  readDatastore,
  withCatalogLock,
  withDatastore,
} from './disks.ts';
import { failure, faultOf } from './faults.ts';
import { digestOf } from './instances.ts';
import { withLocks } from './locks.ts';
import { lookAt, type Machine, withMonitor } from './machine.ts';
import { beginMirror, drained, dropMirror, mirrorJob, mirrorOf, pivot } from './mirrors.ts';
import { diskOf } from './mounts.ts';
import type { Export } from './nbd.ts';
import { atOf, placeOf } from './places.ts';
import type { Qmp } from './qmp.ts';
import type { ComputeSession } from './session.ts';

/** Steps of a storage migration, in order; each is told when it has been done. */
export const moveSteps = [
  'placed',
  'equal',
  'noted',
  'stopped',
  'sealed',
  'over',
  'continued',
  'settled',
] as const;
export type MoveStep = (typeof moveSteps)[number];

/** For those who break one on purpose. */
export type AtStep = (step: MoveStep) => Promise<void>;

const unwatched: AtStep = async () => {};

const whatOf = (verb: string, target: MoveTarget): string => `${verb}/${placeOf(target)}`;

const standsOn = ({ vms }: ComputeState, target: MoveTarget): readonly string[] =>
  vms[placeOf(target)]?.datastoreIds ?? [];

const hasGone = (state: ComputeState, target: MoveTarget): boolean =>
  standsOn(state, target).includes(target.toDatastoreId);

/** Runs `body` alone with the VM, after what an earlier call left undone. */
const withMove = async <T>(
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  body: (state: ComputeState) => Promise<T>,
): Promise<T> => {
  const first = await readCompute(compute);
  return withLocks([vmLock(first, target)], call.signal, async () => {
    await concludeCut(compute, target);
    return body(await readCompute(compute));
  });
};

const entryOn = async (
  compute: ComputeSession,
  datastoreId: string,
  { id, instance }: MoveTarget,
): Promise<CatalogVm | undefined> =>
  (await readDatastore(compute, datastoreId, instance)).vms.find((vm) => vm.id === id);

/** The guest that runs here, with its monitor. */
const withGuest = async <T>(
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  body: (qmp: Qmp, machine: Machine) => Promise<T>,
): Promise<T> => {
  const at = atOf(compute, target);
  const { machine, status } = await lookAt(at, call.signal);
  if (machine === undefined || status !== 'running') {
    throw failure('conflict', `VM ${target.id} does not run here: it is ${status}`, {
      hint: 'Power it on.',
    });
  }
  return withMonitor(at, machine.token, 'change', call.signal, (qmp) => body(qmp, machine));
};

/** What its record at the destination says: the commit point is there, or not. */
const isCommitted = async (compute: ComputeSession, target: MoveTarget): Promise<boolean> => {
  const { files } = await readDatastore(compute, target.toDatastoreId, target.instance);
  const record = decodeRecord(files[recordPathOf(target.id)] ?? '');
  return record?.state === 'completed' && record.migrationId === target.migrationId;
};

/** The registration follows the record, durably; nothing is being cut over any more. */
const settleCut = (compute: ComputeSession, target: MoveTarget, over: boolean): Promise<void> =>
  withCompute(compute, ownLicence(), async ({ state, commit }) => {
    const place = placeOf(target);
    const { [place]: _, ...cutting } = state.cutting ?? {};
    const vm = state.vms[place];
    if (!over || vm === undefined) return commit({ ...state, cutting });
    const datastoreIds = vm.datastoreIds.map((id) =>
      id === target.fromDatastoreId ? target.toDatastoreId : id,
    );
    const vms = { ...state.vms, [place]: { ...vm, datastoreIds } };
    return commit({ ...state, cutting, vms, choices: { ...state.choices, [place]: datastoreIds } });
  });

/**
 * A cut-over that was begun and whose end nobody noted: the VM goes on where the record says.
 * Whoever starts or moves the VM comes by here first; the VM's lock is held.
 */
export const concludeCut = async (
  compute: ComputeSession,
  vm: Pick<MoveTarget, 'id' | 'instance'>,
): Promise<void> => {
  const target = (await readCompute(compute)).cutting?.[placeOf(vm)];
  if (target === undefined) return;
  const over = await isCommitted(compute, target);
  const at = atOf(compute, target);
  const { signal } = ownLicence();
  const { machine, status } = await lookAt(at, signal);
  if (machine === undefined || status === 'gone') return settleCut(compute, target, over);
  await withMonitor(at, machine.token, 'change', signal, async (qmp) => {
    const entry = await entryOn(compute, target.toDatastoreId, target);
    if (over) await pivot(qmp, mirrorOf(target.migrationId), entry?.disk ?? 0);
    if ((await qmp.must<{ status: string }>('query-status')).status === 'paused') {
      await qmp.must('cont');
    }
    await settleCut(compute, target, over);
  });
};

const changeCatalog = (
  compute: ComputeSession,
  id: string,
  { instance }: MoveTarget,
  change: (catalog: Catalog) => Catalog,
): Promise<void> =>
  withCatalogLock(compute, { id, instance }, ownLicence().signal, () =>
    changeDatastore(compute, id, instance, change),
  );

/** Its part of the destination, marked as a part of this migration before a byte is there. */
const makeRoom = async (
  compute: ComputeSession,
  target: MoveTarget,
  like: CatalogVm,
): Promise<Extent> => {
  const { id, instance, migrationId, toDatastoreId } = target;
  const { sizeBytes } = await diskOf(compute, toDatastoreId, instance);
  await changeCatalog(compute, toDatastoreId, target, (catalog) => {
    const known = catalog.vms.find((vm) => vm.id === id);
    if (known?.copyOf === migrationId) return catalog;
    if (known !== undefined && known.copyOf === undefined) {
      throw failure('conflict', `datastore ${toDatastoreId} holds another copy of VM ${id}`);
    }
    const others = catalog.vms.filter((vm) => vm.id !== id);
    const extent = roomIn(others, like.extent.length, sizeBytes);
    if (extent === undefined) {
      throw failure('refused', `datastore ${toDatastoreId} has no room for VM ${id}`);
    }
    return { ...catalog, vms: [...others, { ...like, extent, copyOf: migrationId }] };
  });
  const entry = await entryOn(compute, toDatastoreId, target);
  if (entry !== undefined) return entry.extent;
  throw failure('busy', `VM ${id} was taken out of datastore ${toDatastoreId} meanwhile`);
};

export const mirrorDisks = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  at: AtStep = unwatched,
): Promise<Evidence> =>
  withMove(compute, call, target, async (state) => {
    if (hasGone(state, target)) return {};
    admit(state, call);
    const like = await entryOn(compute, target.fromDatastoreId, target);
    if (like === undefined || !standsOn(state, target).includes(target.fromDatastoreId)) {
      throw failure('missing', `VM ${target.id} is not on datastore ${target.fromDatastoreId}`);
    }
    checkDeadline(call);
    return withGuest(compute, call, target, async (qmp) => {
      const extent = await makeRoom(compute, target, like);
      await at('placed');
      const onto = await diskFor(compute, target.toDatastoreId, target.instance, extent);
      const waitMsMax = Math.max(0, call.deadlineMs - Date.now());
      const mirror = { disk: like.disk, onto };
      await beginMirror(qmp, mirrorOf(target.migrationId), mirror, {
        waitMsMax,
        signal: call.signal,
      });
      await at('equal');
      return {};
    });
  });

export const settleMirror = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Settlement> =>
  withMove(compute, call, target, async (state): Promise<Settlement> => {
    const { id } = target;
    if (hasGone(state, target)) return { id, verdict: 'done' };
    const at = atOf(compute, target);
    const { machine, status } = await lookAt(at, call.signal);
    if (machine === undefined || status === 'gone') return { id, verdict: 'absent' };
    const job = await withMonitor(at, machine.token, 'change', call.signal, (qmp) =>
      mirrorJob(qmp, mirrorOf(target.migrationId)),
    );
    if (job === undefined) return { id, verdict: 'absent' };
    return { id, verdict: job.ready ? 'done' : 'running' };
  });

/** The commit point: the copy is whole and its record says so, in one write of the catalog. */
const seal = (compute: ComputeSession, target: MoveTarget): Promise<string> => {
  const { id, instance, toDatastoreId, migrationId } = target;
  const work = async (catalog: Catalog, opened: Export): Promise<string> => {
    const entry = catalog.vms.find((vm) => vm.id === id);
    if (entry?.copyOf !== migrationId) {
      throw failure('conflict', `the copy of VM ${id} is not of this migration`);
    }
    const digest = await digestOf(opened, entry.extent);
    await writeCatalog(opened, sealed(catalog, target, digest));
    return digest;
  };
  const store = { id: toDatastoreId, instance };
  return withCatalogLock(compute, store, ownLicence().signal, () =>
    withDatastore(compute, toDatastoreId, instance, work),
  );
};

const sealed = (catalog: Catalog, { id, record = '' }: MoveTarget, digest: string): Catalog => {
  const vms = catalog.vms.map((vm) => {
    if (vm.id !== id) return vm;
    const { copyOf: _, ...whole } = vm;
    return whole;
  });
  const files = { ...catalog.files, [recordPathOf(id)]: sealRecord(record, digest) };
  return { ...catalog, vms, files };
};

const noteCut = (compute: ComputeSession, call: Licence, target: MoveTarget): Promise<void> =>
  withCompute(compute, call, ({ state, commit }) =>
    commit({ ...admit(state, call), cutting: { ...state.cutting, [placeOf(target)]: target } }),
  );

const digestThere = async (compute: ComputeSession, target: MoveTarget): Promise<string> => {
  const { files } = await readDatastore(compute, target.toDatastoreId, target.instance);
  return decodeRecord(files[recordPathOf(target.id)] ?? '')?.digest ?? '';
};

/** The guest stands still from the first to the last of this, and goes on whatever comes of it. */
const cut = (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  at: AtStep,
): Promise<Evidence> =>
  withGuest(compute, call, target, async (qmp) => {
    const name = mirrorOf(target.migrationId);
    if ((await mirrorJob(qmp, name))?.ready !== true) {
      throw failure('conflict', `the disks of VM ${target.id} are not mirrored`, {
        hint: 'Mirror them again.',
      });
    }
    await noteCut(compute, call, target);
    await at('noted');
    const stoppedAt = performance.now();
    await qmp.must('stop');
    await at('stopped');
    await drained(qmp, name);
    const digest = await seal(compute, target);
    await at('sealed');
    const entry = await entryOn(compute, target.toDatastoreId, target);
    await pivot(qmp, name, entry?.disk ?? 0);
    await at('over');
    await qmp.must('cont');
    const goesOnAt = performance.now();
    await at('continued');
    // Last: until it is noted whoever comes next looks after a guest that stands still.
    await settleCut(compute, target, true);
    await at('settled');
    return { digest, interruptionMs: Math.max(1, Math.round(goesOnAt - stoppedAt)) };
  });

export const cutOver = (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  at: AtStep = unwatched,
): Promise<Evidence> =>
  withMove(compute, call, target, async (state) => {
    const what = whatOf('cutOver', target);
    const known = recall(state, call.key, what);
    if (known !== undefined) return known;
    admit(state, call);
    if (hasGone(state, target)) return { digest: await digestThere(compute, target) };
    if (state.vms[placeOf(target)] === undefined) {
      throw failure('missing', `VM ${target.id} is not registered here`);
    }
    checkDeadline(call);
    const evidence = await cut(compute, call, target, at).catch(async (error: unknown) => {
      await concludeCut(compute, target);
      if (!hasGone(await readCompute(compute), target)) throw error;
      return { digest: await digestThere(compute, target) };
    });
    await withCompute(compute, ownLicence(), (held) =>
      held.commit(remember(admit(held.state, call), { key: call.key, what, evidence })),
    );
    return evidence;
  });

export const settleCutOver = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
): Promise<Settlement> =>
  withMove(compute, call, target, async (state): Promise<Settlement> => {
    const { id } = target;
    if (!hasGone(state, target)) return { id, verdict: 'absent' };
    return { id, verdict: 'done', evidence: { digest: await digestThere(compute, target) } };
  });

const giveUp = async (compute: ComputeSession, call: Licence, target: MoveTarget) => {
  const at = atOf(compute, target);
  const { machine, status } = await lookAt(at, call.signal);
  if (machine === undefined || status === 'gone') return;
  await withMonitor(at, machine.token, 'change', call.signal, (qmp) =>
    dropMirror(qmp, mirrorOf(target.migrationId)),
  );
};

/** Takes the VM's entry, and with it its room, out of a datastore that it is not on. */
export const removeDisks = async (
  compute: ComputeSession,
  call: Licence,
  target: MoveTarget,
  end: 'from' | 'to',
): Promise<Evidence> =>
  withMove(compute, call, target, async (state) => {
    const datastoreId = end === 'from' ? target.fromDatastoreId : target.toDatastoreId;
    if (standsOn(state, target).includes(datastoreId)) {
      throw failure('conflict', `VM ${target.id} stands on datastore ${datastoreId}`);
    }
    admit(state, call);
    checkDeadline(call);
    if (end === 'to') await giveUp(compute, call, target);
    await changeCatalog(compute, datastoreId, target, (catalog) => {
      const vms = catalog.vms.filter(({ id }) => id !== target.id);
      return vms.length === catalog.vms.length ? catalog : { ...catalog, vms };
    });
    return {};
  });

/** What is gone stays gone: nothing but a move puts it there. */
export const settleRemoval = async (
  compute: ComputeSession,
  target: MoveTarget,
  end: 'from' | 'to',
): Promise<Settlement> => {
  const { id } = target;
  const datastoreId = end === 'from' ? target.fromDatastoreId : target.toDatastoreId;
  try {
    const entry = await entryOn(compute, datastoreId, target);
    return { id, verdict: entry === undefined ? 'done' : 'absent' };
  } catch (error) {
    if (faultOf(error)?.kind === 'missing') return { id, verdict: 'absent' };
    throw error;
  }
};
