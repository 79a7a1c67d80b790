/**
 * Layers of images. What was written since a point is a layer of its own, at both ends of a pair:
 * so going back to the point is to leave layers out, and what has to travel is what they hold. Both
 * survive SIGKILL, which a dirty bitmap does not (docs/decisions/0028).
 */
import { rm } from 'node:fs/promises';
import type { RecoveryPoint } from '@siteswap/sdk/plugin';
import { fileOf } from './array.ts';
import type { Monitor } from './daemon.ts';
import { readJson } from './durable.ts';
import { ensureExports, removeExports } from './exports.ts';
import { failure, QmpError } from './faults.ts';
import {
  activeLayer,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  type Layer,
  newLayerId,
  type StoredDevice,
  type Swap,
  tokenOf,
} from './group.ts';
import { createImage } from './images.ts';
import { dropNode, endJobs, jobsOf, nodesOf } from './jobs.ts';
import { checkKeepable, copyApart, withKept } from './kept.ts';
import { clusterBytes, drainMsMax, layersMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { imageOf, nodeOf, nodePrefixOf, testImageOf, testNodeOf } from './names.ts';
import type { Qmp } from './qmp.ts';
import { endStuck, stirJobsOf } from './stuck.ts';

/**
 * Counts the clusters of the last layer. It is there from the image's first use on, and saved when
 * the image is closed; an image whose daemon died has none, or one that says so of itself.
 */
const bitmap = 'since';

type Nodes = Awaited<ReturnType<typeof nodesOf>>;

/** Whether a layer's node shows those below it too. */
const isUpon = (node: string, nodes: Nodes): boolean => nodes.get(node)?.backing_file !== undefined;

const createLayer = async (at: GroupAt, state: GroupState, id: string, below?: Layer) => {
  for (const device of state.devices) {
    const lower = below === undefined ? undefined : imageOf(at, device, below.id);
    await createImage(imageOf(at, device, id), device.sizeBytes, lower);
  }
};

const image = (node: string, filename: string, more: object): Record<string, unknown> => ({
  driver: 'qcow2',
  'node-name': node,
  discard: 'unmap',
  file: { driver: 'file', filename, discard: 'unmap' },
  ...more,
});

/** Another run of the daemon: whoever wrote through the one before is gone, and so are its jobs. */
const noticeRun = async ({ at, state, commit }: HeldGroup, run: string): Promise<void> => {
  if (state.run === run) return;
  const { freezing, folding, foldingInto, test, fresh, ...rest } = state;
  const stopped = await readJson<{ format: number; run: string }>(
    fileOf.stopped(at.storage.directory),
  );
  const died = state.run !== undefined && stopped?.run !== state.run;
  await commit({
    ...rest,
    ...(state.run === undefined && fresh !== undefined ? { fresh } : {}),
    run,
    hosts: [],
    ...(test === undefined ? {} : { test: { ...test, hosts: [] } }),
    // What was acknowledged and never flushed may have died with the daemon's caches.
    inflow: died && state.inflow === 'live' ? 'partial' : state.inflow,
    forgot: state.forgot || died,
  });
};

/**
 * Jobs that the state does not know: left by whoever died before taking them away. They hold nodes,
 * and those of a fold would pass for those of the next one.
 */
const endForgotten = async (held: HeldGroup, qmp: Qmp): Promise<void> => {
  const folds = held.state.folding === undefined ? foldJobsOf(held) : [];
  await endJobs(qmp, new Set([...stirJobsOf(held), ...folds]), drainMsMax);
};

/** Nodes that no layer names any more: left in the same way. */
const dropStale = async ({ at, state }: HeldGroup, qmp: Qmp, known: Nodes): Promise<void> => {
  const named = new Set(
    state.devices.flatMap((device) => state.layers.map(({ id }) => nodeOf(at, device, id))),
  );
  const ours = state.devices.map((device) => nodePrefixOf(at, device));
  const stale = [...known.keys()].filter(
    (name) => ours.some((prefix) => name.startsWith(prefix)) && !named.has(name),
  );
  for (const name of stale.reverse()) await qmp.execute('blockdev-del', { 'node-name': name });
};

/** An image that was closed cleanly has its count already. */
const countFrom = async (qmp: Qmp, node: string): Promise<void> => {
  const counting = { name: bitmap, persistent: true, granularity: clusterBytes };
  const answer = await qmp.execute('block-dirty-bitmap-add', { node, ...counting });
  if (answer.ok || /already exists/.test(answer.refusal.desc)) return;
  throw new QmpError('block-dirty-bitmap-add', answer.refusal);
};

const addNodes = async ({ at, state }: HeldGroup, qmp: Qmp, known: Nodes): Promise<void> => {
  for (const device of state.devices) {
    let below: string | undefined;
    for (const [index, { id }] of state.layers.entries()) {
      const node = nodeOf(at, device, id);
      const isLast = index === state.layers.length - 1;
      // A layer that is being added is put upon the others by a transaction of its own.
      const apart = isLast && state.freezing === true;
      const upon = below === undefined ? {} : { backing: apart ? null : below };
      if (!known.has(node)) {
        const more = { 'read-only': !isLast, ...upon };
        await qmp.must('blockdev-add', image(node, imageOf(at, device, id), more));
      }
      // Whoever added it may have died before this; once upon the others it may have been written.
      const isEmpty = !known.has(node) || (apart && !isUpon(node, known));
      if (state.fresh === id && isEmpty) await countFrom(qmp, node);
      below = node;
    }
    const { test } = state;
    if (test === undefined || known.has(testNodeOf(at, device))) continue;
    const more = { backing: nodeOf(at, device, test.layer) };
    await qmp.must('blockdev-add', image(testNodeOf(at, device), testImageOf(at, device), more));
  }
};

/** Puts the new last layer of all devices upon the others in one instant; done before: nothing. */
const finishFreeze = async ({ at, state, commit }: HeldGroup, qmp: Qmp): Promise<void> => {
  const { freezing, ...rest } = state;
  if (freezing === undefined) return;
  const [last, lower] = [state.layers.at(-1) as Layer, state.layers.at(-2) as Layer];
  const actions = state.devices.map((device) => ({
    type: 'blockdev-snapshot',
    data: { node: nodeOf(at, device, lower.id), overlay: nodeOf(at, device, last.id) },
  }));
  const answer = await qmp.execute('transaction', { actions });
  if (!answer.ok) {
    // QEMU's words say only that a node is busy: who died after it is told from by looking.
    const nodes = await nodesOf(qmp);
    const isDone = state.devices.every((device) => isUpon(nodeOf(at, device, last.id), nodes));
    if (!isDone) throw new QmpError('transaction', answer.refusal);
  }
  await commit(rest);
};

/** Brings the daemon to what the group's state says: jobs, nodes, exports. Again: it is cheap. */
export const live = async (held: HeldGroup): Promise<Monitor> => {
  const monitor = await held.monitor();
  await noticeRun(held, monitor.run);
  await endForgotten(held, monitor.qmp);
  const known = await nodesOf(monitor.qmp);
  await dropStale(held, monitor.qmp, known);
  await addNodes(held, monitor.qmp, known);
  await finishFreeze(held, monitor.qmp);
  await ensureExports(held, monitor.qmp);
  return monitor;
};

/** The layers above the newest point: the last one, and what was frozen below it for a snapshot. */
const unnamedLayers = ({ layers }: GroupState): readonly Layer[] =>
  layers.slice(layers.findLastIndex(({ point }) => point !== undefined) + 1);

/** Bytes written to all devices since their newest point; undefined: nobody knows any more. */
export const writtenBytes = async (held: HeldGroup, qmp: Qmp): Promise<number | undefined> =>
  writtenOf(held.at, held.state, await nodesOf(qmp));

/** The same, of nodes that were asked for. */
export const writtenOf = (at: GroupAt, state: GroupState, nodes: Nodes): number | undefined => {
  let sum = 0;
  for (const device of state.devices) {
    for (const { id } of unnamedLayers(state)) {
      const bytes = writtenTo(nodeOf(at, device, id), nodes);
      if (bytes === undefined) return undefined;
      sum += bytes;
    }
  }
  return sum;
};

/** Bytes written to one layer of a device; undefined: nobody knows any more. */
export const writtenTo = (node: string, nodes: Nodes): number | undefined => {
  const counted = nodes.get(node)?.['dirty-bitmaps']?.find(({ name }) => name === bitmap);
  return counted === undefined || counted.inconsistent === true ? undefined : counted.count;
};

/**
 * The bytes of this moment, of all devices at once, are not changed any more; writes go to a new
 * layer. They become a point, or are frozen without a name.
 */
export const freeze = async (
  held: HeldGroup,
  point: RecoveryPoint | undefined,
  also: Partial<GroupState> = {},
): Promise<void> => {
  await finishFold(held);
  const { state } = held;
  if (state.layers.length >= layersMax) {
    throw failure('refused', `group ${state.id} already has ${layersMax} layers`, {
      hint: 'Stop the test failover, or sync the group: its layers are put together then.',
    });
  }
  const active = activeLayer(state);
  const ready = state.swap?.next;
  const id = ready?.upon === active.id ? ready.id : newLayerId();
  if (id !== ready?.id) await createLayer(held.at, state, id, active);
  const frozen = point === undefined ? active : { ...active, point };
  const layers = [...state.layers.slice(0, -1), frozen, { id }];
  await held.commit({ ...state, ...also, layers, freezing: true, fresh: id });
  await live(held);
};

/** What a group's state may lack. */
type ForgottenKey = 'promotedFrom' | 'confirmed' | 'operation' | 'swap';

export interface Cut {
  /** The point that is left; absent: nothing is. */
  readonly pointId?: string;
  /** Changed in the same commit. */
  readonly also?: Partial<GroupState>;
  /** Forgotten in the same commit. */
  readonly without?: readonly ForgottenKey[];
  /** Name under which what is cut off is kept. */
  readonly keepAs?: string;
}

/** Back to a point: what was written since is left out. No host and no job may use the group. */
export const cut = async (
  held: HeldGroup,
  { pointId, also = {}, without = [], keepAs }: Cut,
): Promise<void> => {
  const { qmp } = await live(held);
  const { at, state } = held;
  const last = state.layers.findIndex(
    ({ point }) => pointId !== undefined && point?.id === pointId,
  );
  const [kept, gone] = [state.layers.slice(0, last + 1), state.layers.slice(last + 1)];
  if (gone.some(({ id }) => id === state.test?.layer)) {
    throw failure('conflict', `the test copy of group ${state.id} stands on what would be lost`, {
      hint: 'Run the cleanup of the test first.',
    });
  }
  if (keepAs !== undefined) checkKeepable(state, keepAs);
  await removeExports(held, qmp, 'replica', { force: true });
  for (const device of state.devices) {
    for (const { id } of gone.toReversed()) await dropNode(qmp, nodeOf(at, device, id));
  }
  const atMs = Date.now();
  if (keepAs !== undefined) {
    const layer = activeLayer(state).id;
    await copyApart(held, { at, layer, deviceOf: (device) => device }, keepAs);
  }
  const id = newLayerId();
  await createLayer(at, state, id, kept.at(-1));
  const { folding, foldingInto, ...rest } = { ...state, ...also };
  for (const key of without) delete rest[key];
  const next = { ...rest, layers: [...kept, { id }], fresh: id };
  await held.commit(keepAs === undefined ? next : withKept(next, { name: keepAs, atMs }));
  await dropImages(held, gone);
  await live(held);
};

const dropImages = async ({ at, state }: HeldGroup, layers: readonly Layer[]): Promise<void> => {
  for (const device of state.devices) {
    for (const { id } of layers) await rm(imageOf(at, device, id), { force: true });
  }
};

/** An empty layer for the next freeze, ahead of it. */
export const makeReady = async ({ at, state }: HeldGroup): Promise<NonNullable<Swap['next']>> => {
  const next = { id: newLayerId(), upon: activeLayer(state).id };
  await createLayer(at, state, next.id, activeLayer(state));
  return next;
};

/** The same, when no freeze came, and none can come upon it any more. */
export const dropReady = async (
  held: HeldGroup,
  { next }: Pick<Swap, 'next'> = {},
): Promise<void> => {
  if (next === undefined || held.state.layers.some(({ id }) => id === next.id)) return;
  await dropImages(held, [next]);
};

const foldJobOf = (at: GroupAt, device: StoredDevice): string => `fold-${tokenOf(at, device)}`;

const foldJobsOf = ({ at, state }: HeldGroup): readonly string[] =>
  state.devices.map((device) => foldJobOf(at, device));

/** Where the layers that are put together begin. */
const lowestFolding = ({ layers, foldingInto }: GroupState): number =>
  Math.max(
    layers.findIndex(({ id }) => id === foldingInto),
    0,
  );

const beginFold = async ({ at, state }: HeldGroup, qmp: Qmp, device: StoredDevice) => {
  const base = state.layers[lowestFolding(state)] as Layer;
  await qmp.must('block-commit', {
    'job-id': foldJobOf(at, device),
    device: nodeOf(at, device, activeLayer(state).id),
    'top-node': nodeOf(at, device, state.folding as string),
    'base-node': nodeOf(at, device, base.id),
    'auto-dismiss': false,
  });
};

const endFold = async (held: HeldGroup, qmp: Qmp, failed: boolean): Promise<void> => {
  const { at, state } = held;
  const { folding, foldingInto, ...rest } = state;
  const base = lowestFolding(state);
  const top = state.layers.findIndex(({ id }) => id === folding);
  const [lowest, ...between] = state.layers.slice(base, top + 1) as [Layer, ...Layer[]];
  const point = state.layers[top]?.point;
  const merged = point === undefined ? lowest : { ...lowest, point };
  const whole = [...state.layers.slice(0, base), merged, ...state.layers.slice(top + 1)];
  const layers = failed ? state.layers : whole;
  await held.commit({ ...rest, layers });
  await endJobs(qmp, new Set(foldJobsOf(held)), drainMsMax);
  if (failed) return;
  for (const device of state.devices) {
    for (const { id } of between.toReversed()) await dropNode(qmp, nodeOf(at, device, id));
  }
  await dropImages(held, between);
};

/** One device after the other. True when there is nothing left to do. */
const foldOn = async (held: HeldGroup, qmp: Qmp): Promise<boolean> => {
  const { at, state } = held;
  const known = new Map((await jobsOf(qmp)).map((job) => [job.id, job]));
  let failed = false;
  for (const device of state.devices) {
    const job = known.get(foldJobOf(at, device));
    if (job === undefined) await beginFold(held, qmp, device);
    // They are put together some other time.
    const isStuck = job !== undefined && (await endStuck(job, { held, device, qmp }));
    failed ||= isStuck || job?.error !== undefined;
    if (isStuck) break;
    if (job?.status !== 'concluded') return false;
  }
  await endFold(held, qmp, failed);
  return true;
};

/**
 * Goes on putting layers together, those up to a point that both ends hold into the lowest: older
 * points go with them. True when there is nothing left to do.
 */
export const fold = async (held: HeldGroup, pointId: string): Promise<boolean> => {
  const { qmp } = await live(held);
  const top = held.state.layers.findIndex(({ point }) => point?.id === pointId);
  if (held.state.folding === undefined) {
    if (top < 1 || held.state.test !== undefined) return true;
    const layers = held.state.layers.map((layer, index) =>
      index < top ? { id: layer.id } : layer,
    );
    const folding = (layers[top] as Layer).id;
    await held.commit({ ...held.state, layers, folding });
  }
  return foldOn(held, qmp);
};

/** Ends what was begun of putting layers together; a group can be frozen then. */
export const finishFold = async (held: HeldGroup): Promise<void> => {
  const { qmp } = await live(held);
  if (held.state.folding === undefined) return;
  const done = async () => ((await foldOn(held, qmp)) ? true : undefined);
  if (await waitFor(done, drainMsMax, held.signal)) return;
  throw failure('busy', `the layers of group ${held.state.id} are being put together`);
};

/** What snapshots froze above the newest point becomes one layer: they use up none. */
export const foldUnnamed = async (held: HeldGroup): Promise<void> => {
  await live(held);
  const [lowest, ...others] = unnamedLayers(held.state).slice(0, -1);
  const top = others.at(-1);
  if (lowest === undefined || top === undefined || held.state.test !== undefined) return;
  await held.commit({ ...held.state, folding: top.id, foldingInto: lowest.id });
  await finishFold(held);
};
