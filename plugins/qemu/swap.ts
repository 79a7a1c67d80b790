/**
 * The role of a pair goes over inside the switch-over of a live migration: its guest stands still,
 * the mirror has brought the last byte, one end gives the role up before the other one takes it.
 * Each step is durable first, and each is taken up from what both ends' states say; until it is
 * decided where the guest goes on, the way back is open (docs/decisions/0052).
 */
import { randomUUID } from 'node:crypto';
import { ownLicence } from '@siteswap/sdk/plugin/kit';
import { nbdUri } from './array.ts';
import { takeMonitor } from './daemon.ts';
import { hostExportOf, removeExports } from './exports.ts';
import { failure, ignoreDelay, isUnreachable } from './faults.ts';
import {
  type GroupAt,
  type GroupState,
  type HeldGroup,
  isLeftBehind,
  readGroup,
  type Swap,
  withGroup,
  withPair,
} from './group.ts';
import { blockJobsOf } from './jobs.ts';
import { dropReady, freeze, live, makeReady, writtenBytes } from './layers.ts';
import { lastBytesMsMax } from './limits.ts';
import { allDone, withLocks } from './locks.ts';
import { confirmLive, endMirrors, mirrorStateOf } from './replicate.ts';
import { checkIdle, resumeFlow, turnPair } from './roles.ts';

/** The end that the role leaves, and the one that it goes to. */
export interface MetroPair {
  readonly from: GroupAt;
  readonly to: GroupAt;
}

/** What is told of a swap, once it is durable. */
export type SwapStep = 'demoted' | 'promoted' | 'turned';

type Tell = (step: SwapStep) => Promise<void>;

const own = ownLicence;

const notSound = (state: GroupState, why: string): Error =>
  failure('conflict', `group ${state.id} cannot go over: ${why}`, {
    code: 'QEMU_NOT_SYNCHRONIZED',
    hint: 'Sync it at its source; then ask again.',
  });

/** Every write that is acknowledged is at both ends, and nothing else is done to the pair. */
export const checkSound = async (from: HeldGroup, to: HeldGroup): Promise<void> => {
  await allDone([live(from), live(to)]);
  const { qmp } = await from.monitor();
  const { role, fenced, suspended } = from.state;
  if (role !== 'source' || fenced || suspended || to.state.role !== 'replica') {
    const why = `it is ${role} at ${from.at.storage.id}, ${to.state.role} at ${to.at.storage.id}`;
    throw notSound(from.state, suspended ? 'its replication is suspended' : why);
  }
  const mirrors = mirrorStateOf(from.at, from.state, await blockJobsOf(qmp));
  if (mirrors === 'ok' && !to.state.forgot && to.state.inflow !== 'partial') return;
  throw notSound(from.state, 'its ends are not equal');
};

/**
 * Ahead of the first byte: the destination's process gets a way to the end that has the role last.
 * `deviceIds`: those there that the VM stands on.
 */
export const openSwap = (
  { from, to }: MetroPair,
  swap: Swap,
  deviceIds: readonly string[],
): Promise<void> =>
  withPair(from, to, own(), async (source, target) => {
    for (const { state } of [source, target]) checkIdle(state);
    await checkSound(source, target);
    if (target.state.inflow !== 'live') await confirmLive(source, target, randomUUID());
    await withLocks(catalogLocks(source), undefined, async () => {
      await source.commit({ ...source.state, swap: { ...swap, next: await makeReady(source) } });
    });
    const { state } = target;
    const next = await makeReady(target);
    const seats = deviceIds.map((deviceId) => ({
      ...{ computeId: swap.computeId, deviceId, lineage: state.lineage },
      siteId: state.metro?.siteId ?? '',
    }));
    const others = state.hosts.filter(
      (seat) => seat.computeId !== swap.computeId || !deviceIds.includes(seat.deviceId),
    );
    await target.commit({ ...state, swap: { ...swap, next }, hosts: [...others, ...seats] });
    await live(target);
  });

/** Who changes what a datastore holds beside its VMs holds these: none is under way any more. */
const catalogLocks = ({ at, state }: HeldGroup): readonly string[] =>
  state.hosts.map((seat) => {
    const uri = nbdUri(at.storage.address, hostExportOf({ id: seat.deviceId }, seat));
    return `catalog of ${uri}`;
  });

/**
 * Nobody writes at the end that gives the role up: when the last bytes have come both ends freeze
 * them as one point, and the other one is open.
 */
export const handOver = async (from: HeldGroup, to: HeldGroup): Promise<void> => {
  if (!(await endMirrors(from, (await live(from)).qmp))) {
    throw notSound(from.state, 'its mirror broke at the last moment');
  }
  const point = { id: randomUUID(), atMs: Date.now(), by: from.at.storage.id };
  await allDone([freeze(from, point), freeze(to, point, { inflow: 'still', confirmed: point })]);
  const { qmp } = await live(to);
  await removeExports(to, qmp, 'replica', { force: true });
  const { lineage } = to.state;
  await to.commit({ ...to.state, role: 'promoted', promotedFrom: { lineage } });
};

/** While the guest stands still. Its own way to the first end stays: it may have to go on there. */
export const swapRoles = ({ from, to }: MetroPair, id: string, tell: Tell): Promise<void> =>
  withPair(from, to, own(), async (source, target) => {
    if ([source, target].some(({ state }) => state.swap?.migrationId !== id)) {
      throw failure('fenced', `migration ${id} of group ${to.id} was given up`);
    }
    await checkSound(source, target);
    await source.commit({ ...source.state, role: 'demoted' });
    await tell('demoted');
    await handOver(source, target);
    await tell('promoted');
  });

/**
 * Whether the role is where the guest is about to go on: nobody has opened the first end meanwhile,
 * and the other one still serves those who have opened it.
 */
export const serves = async ({ from, to }: MetroPair, migrationId: string): Promise<boolean> => {
  const [left, { role, run }] = [await readGroup(from), await readGroup(to)];
  if (left.role !== 'demoted' || left.swap?.migrationId !== migrationId) return false;
  if (role !== 'promoted') return false;
  try {
    const monitor = await takeMonitor({ ...to.storage, start: false }, own().signal);
    await monitor.release();
    return monitor.run === run;
  } catch (error) {
    if (isUnreachable(error)) return false;
    throw error;
  }
};

/** Its daemon may be gone; what its state says holds for the next one. */
const liveIfUp = async (held: HeldGroup): Promise<boolean> => {
  try {
    await live(held);
    return true;
  } catch (error) {
    if (isUnreachable(error)) return false;
    throw error;
  }
};

/** Nobody has gone on at this end: it is the replica again. */
const giveBack = async (target: HeldGroup, migrationId: string): Promise<void> => {
  if (target.state.swap?.migrationId !== migrationId) return;
  const { computeId } = target.state.swap;
  if (await liveIfUp(target)) {
    const { qmp } = await target.monitor();
    await removeExports(target, qmp, 'host', { force: true, computeId });
    if (target.state.role === 'promoted' && ((await writtenBytes(target, qmp)) ?? 0) > 0) {
      throw failure('conflict', `group ${target.state.id} was written at ${target.at.storage.id}`, {
        hint: 'Its guest went on there: find out why, and which of both ends counts.',
      });
    }
  }
  const { swap, promotedFrom, ...rest } = target.state;
  const lineage = promotedFrom?.lineage ?? rest.lineage;
  const isOpen = rest.role === 'promoted';
  const back = { ...rest, role: 'replica', lineage, inflow: 'still' } as const;
  await target.commit(isOpen ? back : rest);
  await dropReady(target, swap);
};

/**
 * The guest stays where it was, and so does the role. The destination's process has ended, and was
 * never let go on. True when the role had been given up, and with it the mirror.
 */
export const swapBack = async ({ from, to }: MetroPair, migrationId: string): Promise<boolean> => {
  const there = await withGroup(to, own(), async (target) => {
    await giveBack(target, migrationId);
    return target.state;
  });
  return withGroup(from, own(), async (source) => {
    if (source.state.swap?.migrationId !== migrationId) return false;
    const { swap, ...rest } = source.state;
    const isGiven = rest.role === 'demoted';
    const next: GroupState = isGiven ? { ...rest, role: 'source' } : rest;
    // Its other end went on without it meanwhile: what was lost is back, and is not asked.
    const isLost = isLeftBehind(next, there);
    await source.commit(isLost ? { ...next, fenced: true, hosts: [] } : next);
    await dropReady(source, swap);
    await liveIfUp(source);
    return isGiven && !isLost;
  });
};

/** Mirrored again, in the direction that the roles have now; or, of a peer that is gone, not. */
export const flowAgain = (from: GroupAt, to: GroupAt): Promise<void> =>
  resumeFlow(from, to, own(), lastBytesMsMax);

/** The guest has gone on at the other end: the pair is turned, and mirrored the other way. */
export const finishSwap = async (pair: MetroPair, tell: Tell): Promise<void> => {
  const { from, to } = pair;
  const turn = withPair(to, from, own(), async (sender, receiver) => {
    // Whatever becomes of the other end's daemon: who serves it from here on is decided.
    for (const end of [sender, receiver]) {
      const { swap, ...rest } = end.state;
      if (swap !== undefined) await end.commit(rest);
    }
    // One that was cut off is taken back when a person says so.
    const isApart = sender.state.metro?.isolated === true;
    if (sender.state.role === 'promoted' && !isApart) await turnPair(sender, receiver);
  });
  await turn.catch(ignoreDelay);
  await tell('turned');
  await flowAgain(to, from);
};
