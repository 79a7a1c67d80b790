/**
 * The entry of a worker thread, which runs the code of one plugin. It beats on the board as long as
 * its event loop turns.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { describe } from '../../sdk/plugin/check.ts';
import { readConfigs } from '../host/config.ts';
import { badAnswer } from '../host/faults.ts';
import { type Loaded, loadPlugin } from '../host/load.ts';
import { steps } from '../steps/registry.ts';
import { ThreadSlot } from './board.ts';
import type { RemoteResult } from './execute.ts';
import { neverLoaded } from './faults.ts';
import { probeMsMax } from './limits.ts';
import type {
  JobMessage,
  Parcel,
  ProbeMessage,
  ProbeResult,
  Said,
  ServeTask,
  ThreadMessage,
  ThreadSetup,
} from './messages.ts';
import { captureOutput } from './output.ts';
import { Server } from './serve.ts';
import { SiteFlags } from './site-flags.ts';
import { systemClock } from './system-clock.ts';
import { WireBoard } from './wire-board.ts';
import { createWorld } from './world.ts';

const setup = workerData as ThreadSetup;
const clock = systemClock(setup.clockOffsetMs);
const slot = new ThreadSlot(setup.board, threadId);
const flags = new SiteFlags(setup.siteIds, setup.sites);

setInterval(() => slot.beat(), setup.beatMs).unref();
captureOutput((said) => parentPort?.postMessage({ kind: 'said', ...said } satisfies Said));

const plugins = new Map<string, Promise<Loaded>>();

const load = (pluginId: string, module: string): Promise<Loaded> => {
  let plugin = plugins.get(pluginId);
  if (plugin === undefined) {
    plugin = loadPlugin(pluginId, module, setup.baseDir);
    plugins.set(pluginId, plugin);
  }
  return plugin;
};

const wireBoard = new WireBoard(setup.wire);
let wirePlaces: ReadonlyMap<string, number> = new Map();

const { host, gateway, wire, execute } = createWorld({
  remotes: setup.remotes,
  load: (remote) => load(remote.pluginId, remote.module),
  clock,
  isLost: (siteId) => flags.isLost(siteId),
  stepNamed: (name) => steps.get(name),
  wireHit: (rule) => wireBoard.hit(wirePlaces.get(rule) ?? 0),
});

void wireBoard.watch((rules, version) => {
  wirePlaces = new Map(rules.map(({ name }, at) => [name, at]));
  wire.set(rules);
  slot.tookWire(version);
});

for (const siteId of setup.siteIds) flags.watch(siteId, () => gateway.siteLost(siteId));
slot
  .closing()
  .then(() => host.close())
  .then(() => slot.left());

const crash = (how: 'exit' | 'memory'): Promise<never> => {
  slot.endsOnPurpose();
  if (how === 'exit') process.exit(1);
  const kept: object[] = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
};

const probe = async ({ pluginId, module }: ProbeMessage): Promise<ProbeResult> => {
  const loaded = await load(pluginId, module);
  if ('fault' in loaded) return loaded;
  const { definition } = loaded;
  const own = setup.remotes.filter((remote) => remote.pluginId === pluginId);
  return { description: describe(definition), ...readConfigs(definition, own) };
};

const probeInTime = (message: ProbeMessage): Promise<ProbeResult> => {
  const late = Promise.withResolvers<ProbeResult>();
  const fault = neverLoaded(message.pluginId, probeMsMax);
  const cancel = clock.wakeAt(clock.now() + probeMsMax, () => late.resolve({ fault }));
  const failed = (error: unknown): ProbeResult => ({
    fault: badAnswer(`plugin ${message.pluginId} cannot be described: ${error}`),
  });
  return Promise.race([probe(message).catch(failed), late.promise]).finally(cancel);
};

/** Bytes go beside the text of an answer. */
const parcelOf = (result: RemoteResult): string | Parcel => {
  if (result.kind !== 'listing' || result.packed === undefined) return JSON.stringify(result);
  const { bytes, ...packed } = result.packed;
  return { text: JSON.stringify({ ...result, packed }), bytes };
};

type Struck = (rule: string) => void;

const runJob = async ({ job, dueMs }: JobMessage, struck: Struck): Promise<string | Parcel> => {
  const result = await execute(job, { dueMs, crash, struck });
  try {
    return parcelOf(result);
  } catch (error) {
    const fault = badAnswer(`${job.remoteId}: the plugin's answer is not plain data: ${error}`);
    return JSON.stringify({ kind: 'fault', fault });
  }
};

/** Answers in JSON: a ProbeResult, or the result of the job. */
const handle = (message: ThreadMessage, struck: Struck): Promise<string | Parcel> =>
  message.kind === 'job'
    ? runJob(message, struck)
    : probeInTime(message).then((found) => JSON.stringify(found));

/** The thread's one task, which lasts as long as the thread. */
export const serve = (task: ServeTask): Promise<never> => {
  new Server(handle, task, () => clock.now());
  return new Promise(() => {});
};
