/**
 * Layers of images. What was written since a point is a layer of its own, at both ends of a pair:
 * so going back to the point is to leave layers out, and what has to travel is what they hold. Both
 * survive SIGKILL, which a dirty bitmap does not (docs/decisions/0028).
 */
import { execFile } from 'node:child_process';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RecoveryPoint, Snapshot } from '@siteswap/sdk/plugin';
import { fileOf } from './array.ts';
import type { Monitor } from './daemon.ts';
import { makeDirectory, readJson } from './durable.ts';
import { ensureExports, removeExports } from './exports.ts';
import { failure, QmpError } from './faults.ts';
import {
  activeLayer,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  type Layer,
  newLayerId,
  tokenOf,
} from './group.ts';
import { dropNode, endJobs, jobsOf, nodesOf } from './jobs.ts';
import { clusterBytes, drainMsMax, imageToolMsMax, layersMax } from './limits.ts';
import { imageOf, nodeOf, nodePrefixOf, testImageOf, testNodeOf } from './names.ts';
import type { Qmp } from './qmp.ts';

const run = promisify(execFile);

/** `qemu-img`, its words kept when it fails. */
export const imageTool = async (args: readonly string[]): Promise<string> => {
  const options = { timeout: imageToolMsMax, encoding: 'utf8' } as const;
  try {
    return (await run('qemu-img', args, options)).stdout;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw failure('refused', `qemu-img ${args[0]}: ${stderr.trim() || message}`);
  }
};

/**
 * Counts the clusters of the last layer. It is there from the image's first use on, and saved when
 * the image is closed; an image whose daemon died has none, or one that says so of itself.
 */
const bitmap = 'since';

/** A new image, empty, upon another one or upon nothing. */
export const createImage = async (
  path: string,
  sizeBytes: number,
  below?: string,
): Promise<void> => {
  const backing = below === undefined ? [] : ['-F', 'qcow2', '-b', below];
  await imageTool(['create', '-q', '-f', 'qcow2', ...backing, path, String(sizeBytes)]);
};

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
  const { freezing, folding, test, fresh, ...rest } = state;
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

/** Nodes that no layer names any more: left by whoever died before taking them away. */
const dropStale = async ({ at, state }: HeldGroup, qmp: Qmp): Promise<void> => {
  const known = new Set(
    state.devices.flatMap((device) => state.layers.map(({ id }) => nodeOf(at, device, id))),
  );
  const ours = state.devices.map((device) => nodePrefixOf(at, device));
  const stale = [...(await nodesOf(qmp)).keys()].filter(
    (name) => ours.some((prefix) => name.startsWith(prefix)) && !known.has(name),
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

const addNodes = async ({ at, state }: HeldGroup, qmp: Qmp): Promise<void> => {
  const known = await nodesOf(qmp);
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
        if (state.fresh === id) await countFrom(qmp, node);
      }
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
  if (!answer.ok && !/already has a backing/.test(answer.refusal.desc)) {
    throw new QmpError('transaction', answer.refusal);
  }
  await commit(rest);
};

/** Brings the daemon to what the group's state says: nodes and exports. Doing it again is cheap. */
export const live = async (held: HeldGroup): Promise<Monitor> => {
  const monitor = await held.monitor();
  await noticeRun(held, monitor.run);
  await dropStale(held, monitor.qmp);
  await addNodes(held, monitor.qmp);
  await finishFreeze(held, monitor.qmp);
  await ensureExports(held, monitor.qmp);
  return monitor;
};

/** Bytes written to the last layer of all devices; undefined: its daemon died, nobody knows. */
export const writtenBytes = async (held: HeldGroup, qmp: Qmp): Promise<number | undefined> =>
  writtenOf(held.at, held.state, await nodesOf(qmp));

/** The same, of nodes that were asked for. */
export const writtenOf = (
  at: GroupAt,
  state: GroupState,
  nodes: Awaited<ReturnType<typeof nodesOf>>,
): number | undefined => {
  let sum = 0;
  for (const device of state.devices) {
    const node = nodes.get(nodeOf(at, device, activeLayer(state).id));
    const counted = node?.['dirty-bitmaps']?.find(({ name }) => name === bitmap);
    if (counted === undefined || counted.inconsistent === true) return undefined;
    sum += counted.count;
  }
  return sum;
};

/** The bytes of this moment, of all devices at once, become a point; writes go to a new layer. */
export const freeze = async (
  held: HeldGroup,
  point: RecoveryPoint,
  also: Partial<GroupState> = {},
): Promise<void> => {
  await live(held);
  const { state } = held;
  if (state.layers.length >= layersMax) {
    throw failure('refused', `group ${state.id} already has ${layersMax} layers`, {
      hint: 'Stop the test failover, or sync the group: its layers are put together then.',
    });
  }
  const active = activeLayer(state);
  const id = newLayerId();
  await createLayer(held.at, state, id, active);
  const layers = [...state.layers.slice(0, -1), { ...active, point }, { id }];
  await held.commit({ ...state, ...also, layers, freezing: true, fresh: id });
  await live(held);
};

const keptIn = ({ directory }: GroupAt): string => join(directory, 'kept');

/** A copy of everything that the group holds, by itself, for people to look at. */
const keepApart = async ({ at, state }: HeldGroup, name: string): Promise<void> => {
  const folder = join(keptIn(at), name);
  await makeDirectory(folder);
  for (const device of state.devices) {
    const from = imageOf(at, device, activeLayer(state).id);
    const to = join(folder, `${tokenOf(at, device)}.qcow2`);
    await imageTool(['convert', '-q', '-f', 'qcow2', '-O', 'qcow2', from, to]);
  }
};

export const dropKept = ({ at }: HeldGroup, name: string): Promise<void> =>
  rm(join(keptIn(at), name), { recursive: true, force: true });

/** What was kept apart, oldest first. */
export const keptOf = async (at: GroupAt): Promise<Snapshot[]> => {
  const names = await readdir(keptIn(at)).catch(() => []);
  const found = names.map(async (name) => {
    const { mtimeMs } = await stat(join(keptIn(at), name));
    return { name, atMs: Math.round(mtimeMs) };
  });
  return (await Promise.all(found)).sort((one, other) => one.atMs - other.atMs);
};

export interface Cut {
  /** The point that is left; absent: nothing is. */
  readonly pointId?: string;
  /** Changed in the same commit. */
  readonly also?: Partial<GroupState>;
  /** Name under which what is cut off is kept. */
  readonly keepAs?: string;
}

/** Back to a point: what was written since is left out. No host and no job may use the group. */
export const cut = async (held: HeldGroup, { pointId, also = {}, keepAs }: Cut): Promise<void> => {
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
  await removeExports(held, qmp, 'replica', { force: true });
  for (const device of state.devices) {
    for (const { id } of gone.toReversed()) await dropNode(qmp, nodeOf(at, device, id));
  }
  if (keepAs !== undefined) await keepApart(held, keepAs);
  const id = newLayerId();
  await createLayer(at, state, id, kept.at(-1));
  const { folding, ...rest } = state;
  await held.commit({ ...rest, ...also, layers: [...kept, { id }], fresh: id });
  await dropImages(held, gone);
  await live(held);
};

const dropImages = async ({ at, state }: HeldGroup, layers: readonly Layer[]): Promise<void> => {
  for (const device of state.devices) {
    for (const { id } of layers) await rm(imageOf(at, device, id), { force: true });
  }
};

const foldJobsOf = ({ at, state }: HeldGroup): ReadonlySet<string> =>
  new Set(state.devices.map((device) => `fold-${tokenOf(at, device)}`));

/** The layers up to a point that both ends hold go into the lowest: older points go with them. */
const beginFold = async (held: HeldGroup, qmp: Qmp): Promise<void> => {
  const { at, state } = held;
  for (const device of state.devices) {
    await qmp.must('block-commit', {
      'job-id': `fold-${tokenOf(at, device)}`,
      device: nodeOf(at, device, activeLayer(state).id),
      'top-node': nodeOf(at, device, state.folding as string),
      'base-node': nodeOf(at, device, (state.layers[0] as Layer).id),
      'auto-dismiss': false,
    });
  }
};

const endFold = async (held: HeldGroup, qmp: Qmp, failed: boolean): Promise<void> => {
  const { at, state } = held;
  const { folding, ...rest } = state;
  const top = state.layers.findIndex(({ id }) => id === folding);
  const [lowest, ...between] = state.layers.slice(0, top + 1) as [Layer, ...Layer[]];
  const point = state.layers[top]?.point;
  const merged = point === undefined ? lowest : { ...lowest, point };
  const layers = failed ? state.layers : [merged, ...state.layers.slice(top + 1)];
  await held.commit({ ...rest, layers });
  await endJobs(qmp, foldJobsOf(held), drainMsMax);
  if (failed) return;
  for (const device of state.devices) {
    for (const { id } of between.toReversed()) await dropNode(qmp, nodeOf(at, device, id));
  }
  await dropImages(held, between);
};

/** Goes on putting layers together; true when there is nothing left to do. */
export const fold = async (held: HeldGroup, pointId: string): Promise<boolean> => {
  const { qmp } = await live(held);
  const top = held.state.layers.findIndex(({ point }) => point?.id === pointId);
  if (held.state.folding === undefined) {
    if (top < 1 || held.state.test !== undefined) return true;
    // One that ended when nobody was there to take its record away would pass for this one.
    await endJobs(qmp, foldJobsOf(held), drainMsMax);
    const layers = held.state.layers.map((layer, index) =>
      index < top ? { id: layer.id } : layer,
    );
    const folding = (layers[top] as Layer).id;
    await held.commit({ ...held.state, layers, folding });
  }
  const ids = foldJobsOf(held);
  const jobs = (await jobsOf(qmp)).filter(({ id }) => ids.has(id));
  if (jobs.length === 0) await beginFold(held, qmp);
  else if (jobs.every(({ status }) => status === 'concluded')) {
    await endFold(
      held,
      qmp,
      jobs.some(({ error }) => error !== undefined),
    );
    return true;
  }
  return false;
};
