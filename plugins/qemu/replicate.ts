/**
 * Replication from one end of a pair to the other. A synchronous pair is mirrored write by write;
 * an asynchronous one in cycles: the group is frozen in one instant and what the layer holds is
 * shipped. Each step looks at both daemons and does the next thing; QEMU copies meanwhile.
 */
import type { Evidence, RecoveryPoint } from '@siteswap/sdk/plugin';
import { failure } from './faults.ts';
import {
  activeLayer,
  commonPoint,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  newestPoint,
  tokenOf,
} from './group.ts';
import {
  type BlockJob,
  blockJobsOf,
  endJobs,
  type Job,
  jobError,
  jobsOf,
  nodesOf,
  unlessGone,
} from './jobs.ts';
import { cut, finishFold, fold, freeze, live, writtenBytes, writtenTo } from './layers.ts';
import { drainMsMax, layersMax, layersSpare } from './limits.ts';
import { waitFor } from './locks.ts';
import { mirrorNodeOf, nodeOf } from './names.ts';
import { addPeer, dropPeer, tokensOf } from './peers.ts';
import type { Qmp } from './qmp.ts';
import { endStuck, untilBegun } from './stuck.ts';

/** What a step came to. */
export interface Step {
  /** There when the copy stands on the point. */
  readonly done?: Evidence;
  /** 0 to 1. */
  readonly progress: number;
  /** Bytes that this step found to have travelled. */
  readonly movedBytes?: number;
}

const mirrorOf = (token: string): string => `mirror-${token}`;

const mirrorsOf = (source: HeldGroup): ReadonlySet<string> =>
  new Set(tokensOf(source).map(mirrorOf));

export type MirrorState = 'none' | 'catching-up' | 'ok' | 'broken';

/** Of a group's mirrors together: the worst counts. */
export const mirrorStateOf = (
  at: GroupAt,
  state: GroupState,
  all: readonly BlockJob[],
): MirrorState => {
  const jobs = state.devices.map((one) =>
    all.find(({ device }) => device === mirrorOf(tokenOf(at, one))),
  );
  if (jobs.every((job) => job === undefined)) return 'none';
  if (jobs.some((job) => job === undefined || job.status === 'concluded')) return 'broken';
  return jobs.every((job) => job?.status === 'ready') ? 'ok' : 'catching-up';
};

const mirrorProgress = async (source: HeldGroup, qmp: Qmp): Promise<[number, number]> => {
  const ids = mirrorsOf(source);
  const jobs = (await blockJobsOf(qmp)).filter(({ device }) => ids.has(device));
  return [
    jobs.reduce((sum, { offset }) => sum + offset, 0),
    jobs.reduce((sum, { len }) => sum + len, 0),
  ];
};

/**
 * A mirror that was left paused is helped on. Where nobody writes, one that stays so is ended, and
 * the next step begins it anew; true when it was.
 */
const endStuckMirror = async (source: HeldGroup, qmp: Qmp, job: Job): Promise<boolean> => {
  const { at, state } = source;
  const device = state.devices.find((one) => mirrorOf(tokenOf(at, one)) === job.id);
  if (device === undefined || job.status !== 'paused') return false;
  const place = { held: source, device, qmp };
  if (state.hosts.length === 0) return endStuck(job, place);
  await untilBegun(job.id, place);
  return false;
};

/**
 * Ends the mirrors, each when it holds no more back; true when none had failed. Never by force:
 * QEMU 7.2 dies of it while somebody writes (8 of 25 times). One that fails ends by itself.
 */
export const endMirrors = async (source: HeldGroup, qmp: Qmp): Promise<boolean> => {
  const ids = mirrorsOf(source);
  const asked = new Set<string>();
  let clean = true;
  const gone = await waitFor(async () => {
    const left = (await jobsOf(qmp)).filter(({ id }) => ids.has(id));
    for (const job of left) {
      const { id, status, error } = job;
      if (status === 'concluded') {
        clean &&= error === undefined;
        await unlessGone(qmp, 'job-dismiss', { id });
      } else if (await endStuckMirror(source, qmp, job)) clean = false;
      else if (status === 'ready' && !asked.has(id)) {
        asked.add(id);
        await unlessGone(qmp, 'block-job-cancel', { device: id });
      }
    }
    return left.length === 0 ? true : undefined;
  }, drainMsMax);
  if (!gone) {
    throw failure('timeout', `the mirrors of group ${source.state.id} do not end`, {
      hint: 'Its peer answers too slowly, or not at all.',
    });
  }
  await dropPeer(source, qmp, 'mirror');
  return clean;
};

const beginMirrors = async (source: HeldGroup, target: HeldGroup, qmp: Qmp): Promise<void> => {
  await addPeer(source, target, qmp, 'mirror');
  const { at, state } = source;
  for (const device of state.devices) {
    const token = tokenOf(at, device);
    await qmp.must('blockdev-mirror', {
      'job-id': mirrorOf(token),
      device: nodeOf(at, device, activeLayer(state).id),
      target: `mirror-to-${token}`,
      sync: state.layers.length === 1 ? 'full' : 'top',
      'copy-mode': 'write-blocking',
      'filter-node-name': mirrorNodeOf(at, device),
      // Writers go on when the link breaks, and the job that failed stands until it is seen.
      'on-target-error': 'report',
      'auto-dismiss': false,
    });
    await untilBegun(mirrorOf(token), { held: source, device, qmp });
  }
};

const shipIdsOf = (source: HeldGroup, jobs: readonly Job[]): ReadonlySet<string> => {
  const prefixes = tokensOf(source).map((token) => `ship-${token}-`);
  return new Set(jobs.flatMap(({ id }) => (prefixes.some((one) => id.startsWith(one)) ? id : [])));
};

const endShipping = async (source: HeldGroup, qmp: Qmp): Promise<void> => {
  const ids = shipIdsOf(source, await jobsOf(qmp));
  await endJobs(qmp, ids, drainMsMax);
  await dropPeer(source, qmp, 'ship');
};

/** Something of its layers is on its way to the peer. */
export const isShipping = async (source: HeldGroup): Promise<boolean> => {
  const { qmp } = await live(source);
  return shipIdsOf(source, await jobsOf(qmp)).size > 0;
};

/**
 * The frozen layers that the target lacks, lowest first; up to a point when one is given: what was
 * frozen after it is not of it.
 */
const layersToShip = ({ state }: HeldGroup, target: HeldGroup, pointId?: string) => {
  const common = commonPoint(state, target.state);
  const from = state.layers.findIndex(({ point }) => point !== undefined && point === common);
  const top = state.layers.findIndex(({ point }) => pointId !== undefined && point?.id === pointId);
  return state.layers.slice(from + 1, top === -1 ? -1 : top + 1);
};

/** Ships layers in their order, all devices at once. */
const ship = async (
  source: HeldGroup,
  target: HeldGroup,
  qmp: Qmp,
  pointId?: string,
): Promise<Step> => {
  const layers = layersToShip(source, target, pointId);
  if (layers.length === 0) return { progress: 1, done: {}, movedBytes: 0 };
  const jobs = new Map((await jobsOf(qmp)).map((job) => [job.id, job]));
  const nodes = await nodesOf(qmp);
  const { at, state } = source;
  const all = state.devices.length * layers.length;
  let [ended, movedBytes] = [0, 0];
  for (const device of state.devices) {
    for (const { id } of layers) {
      const isLowest = id === state.layers[0]?.id;
      if (!isLowest && writtenTo(nodeOf(at, device, id), nodes) === 0) {
        ended += 1;
        continue;
      }
      const jobId = `ship-${tokenOf(at, device)}-${id}`;
      const job = jobs.get(jobId);
      if (job?.status === 'concluded') {
        if (job.error !== undefined) throw jobError(job);
        ended += 1;
        movedBytes += job['total-progress'];
        continue;
      }
      if (job === undefined) {
        await addPeer(source, target, qmp, 'ship');
        await qmp.must('blockdev-backup', {
          'job-id': jobId,
          device: nodeOf(at, device, id),
          target: `ship-to-${tokenOf(at, device)}`,
          sync: isLowest ? 'full' : 'top',
          'auto-dismiss': false,
        });
        await untilBegun(jobId, { held: source, device, qmp });
      } else {
        await endStuck(job, { held: source, device, qmp });
        ended += job['current-progress'] / Math.max(1, job['total-progress']);
      }
      break;
    }
  }
  return ended === all ? { progress: 1, done: {}, movedBytes } : { progress: ended / all };
};

/** A shipping that failed leaves nothing behind: the next one begins anew. */
const shipOrEnd = async (
  source: HeldGroup,
  target: HeldGroup,
  qmp: Qmp,
  pointId?: string,
): Promise<Step> => {
  try {
    return await ship(source, target, qmp, pointId);
  } catch (error) {
    await endShipping(source, qmp).catch(() => undefined);
    throw error;
  }
};

/** From now on the target's bytes are in no order; its newest point is what counts. */
const openTarget = async (source: HeldGroup, target: HeldGroup, qmp: Qmp): Promise<void> => {
  await live(target);
  if (target.state.inflow !== 'partial' || target.state.forgot) {
    // What was shipped to a daemon that died may have died with it.
    await endShipping(source, qmp);
    const open = { inflow: 'partial', forgot: false } as const;
    const keeps = target.state.layers.length < layersMax - layersSpare;
    if (target.state.inflow === 'live' && keeps) await freezeLive(target, open);
    else await target.commit({ ...target.state, ...open });
  }
  if (!source.state.forgot) return;
  // It may hold what the source acknowledged and lost: that is in no layer of the source.
  await endShipping(source, qmp);
  const common = commonPoint(source.state, target.state);
  await cut(target, common === undefined ? {} : { pointId: common.id });
  await source.commit({ ...source.state, forgot: false });
};

/** Makes a point of what a synchronous replica holds right now, at this end alone. */
export const freezeLive = async (
  target: HeldGroup,
  also: Partial<HeldGroup['state']>,
): Promise<void> => {
  const { qmp } = await live(target);
  const newest = newestPoint(target.state);
  if (newest !== undefined && (await writtenBytes(target, qmp)) === 0) {
    await target.commit({ ...target.state, ...also });
    return;
  }
  const atMs = target.state.confirmed?.atMs ?? newest?.atMs ?? 0;
  const by = target.state.confirmed?.by ?? target.at.storage.id;
  await freeze(target, { id: `live-${activeLayer(target.state).id}`, atMs, by }, also);
};

const evidenceOf = ({ id, atMs }: RecoveryPoint): Evidence => ({
  recoveryPoint: id,
  recoveryPointAtMs: atMs,
});

const pointAt = ({ state }: HeldGroup, id: string): RecoveryPoint | undefined =>
  state.layers.find(({ point }) => point?.id === id)?.point;

const newPoint = ({ at }: HeldGroup, id: string): RecoveryPoint => ({
  id,
  atMs: Date.now(),
  by: at.storage.id,
});

/** One cycle: freeze, ship, freeze there, put the layers together. */
const cycle = async (source: HeldGroup, target: HeldGroup, pointId: string): Promise<Step> => {
  const { qmp } = await live(source);
  await live(target);
  if (pointAt(source, pointId) === undefined) {
    // A peer out of reach is found out before there is one more layer.
    await addPeer(source, target, qmp, 'ship');
    await freeze(source, newPoint(source, pointId));
  }
  const point = pointAt(source, pointId) as RecoveryPoint;
  let movedBytes: number | undefined;
  if (pointAt(target, pointId) === undefined) {
    await openTarget(source, target, qmp);
    const shipped = await shipOrEnd(source, target, qmp, pointId);
    if (shipped.done === undefined) return shipped;
    movedBytes = shipped.movedBytes;
    await freeze(target, point, { inflow: 'still' });
    await endShipping(source, qmp);
  }
  const folded = [await fold(source, pointId), await fold(target, pointId)];
  const moved = movedBytes === undefined ? {} : { movedBytes };
  if (folded.includes(false)) return { progress: 0.99, ...moved };
  return { done: evidenceOf(point), progress: 1, ...moved };
};

/** Both ends hold the same and nobody writes: a point of both, so that later deltas are small. */
const rotate = async (
  source: HeldGroup,
  target: HeldGroup,
  qmp: Qmp,
  point: RecoveryPoint,
): Promise<void> => {
  if (!(await endMirrors(source, qmp))) return;
  await freeze(source, point);
  await freeze(target, point, { inflow: 'still', confirmed: point });
};

/** Mirrors that are not there, or broken: what the target lacks first, then every write. */
const mirrorAgain = async (source: HeldGroup, target: HeldGroup, qmp: Qmp): Promise<Step> => {
  await endMirrors(source, qmp);
  // No mirror begins above layers that are being put together after a snapshot.
  if (source.state.foldingInto !== undefined) await finishFold(source);
  const common = commonPoint(source.state, target.state);
  if (common !== undefined && common === newestPoint(source.state)) {
    const folded = [await fold(source, common.id), await fold(target, common.id)];
    if (folded.includes(false)) return { progress: 0.1 };
  }
  await openTarget(source, target, qmp);
  const shipped = await shipOrEnd(source, target, qmp);
  if (shipped.done === undefined) return { progress: shipped.progress / 2 };
  await endShipping(source, qmp);
  await beginMirrors(source, target, qmp).catch(async (error: unknown) => {
    await endMirrors(source, qmp).catch(() => undefined);
    throw error;
  });
  return { progress: 0.5, movedBytes: shipped.movedBytes ?? 0 };
};

/** The mirrors miss nothing: every write that is acknowledged from now on is at the target too. */
export const confirmLive = async (
  source: HeldGroup,
  target: HeldGroup,
  pointId: string,
): Promise<RecoveryPoint> => {
  const confirmed = pointAt(target, pointId) ?? newPoint(source, pointId);
  await target.commit({ ...target.state, inflow: 'live', confirmed });
  return confirmed;
};

/** A synchronous pair: mirrored, and said to be. Without writers both ends get the point. */
const confirm = async (source: HeldGroup, target: HeldGroup, pointId: string): Promise<Step> => {
  const { qmp } = await live(source);
  await live(target);
  // A mirror to a daemon that died notices it with the next write, and misses what was lost there.
  const found = mirrorStateOf(source.at, source.state, await blockJobsOf(qmp));
  const mirrors = target.state.forgot ? 'broken' : found;
  if (mirrors === 'none' || mirrors === 'broken') return mirrorAgain(source, target, qmp);
  const quiet = source.state.hosts.length === 0;
  const [offset, len] = await mirrorProgress(source, qmp);
  if (mirrors === 'catching-up') {
    for (const job of await jobsOf(qmp)) await endStuckMirror(source, qmp, job);
    return { progress: 0.5 + offset / Math.max(1, len) / 2 };
  }
  const wasOpen = target.state.inflow !== 'live';
  const movedBytes = wasOpen ? { movedBytes: len } : {};
  const known = pointAt(target, pointId);
  if (known === undefined && quiet && (await writtenBytes(source, qmp)) !== 0) {
    await rotate(source, target, qmp, newPoint(source, pointId));
    return { progress: 0.9, ...movedBytes };
  }
  const confirmed = await confirmLive(source, target, pointId);
  return { done: evidenceOf(confirmed), progress: 1, ...movedBytes };
};

/** One step of bringing the target onto the point that `pointId` will name. */
export const replicate = (source: HeldGroup, target: HeldGroup, pointId: string): Promise<Step> => {
  if (target.state.role !== 'replica') {
    throw failure('conflict', `group ${target.state.id} is ${target.state.role} at its peer`);
  }
  const way = source.state.mode === 'synchronous' ? confirm : cycle;
  return way(source, target, pointId);
};

/** Nothing of the source's jobs is left: its peer takes over, or the pair is suspended. */
export const stopReplicating = async (source: HeldGroup): Promise<void> => {
  const { qmp } = await live(source);
  await endMirrors(source, qmp);
  await endShipping(source, qmp);
};
