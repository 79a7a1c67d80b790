/** InventoryService: what is there. One remote that cannot be asked never fails the others. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type DiscoverArraysResponse,
  type DiscoverDevicesRequest,
  DiscoverDevicesResponse,
  type DiscoveryProblem,
  InventoryServiceService,
  RemoteKind,
  type WatchDevicesRequest,
  type WatchDevicesResponse,
} from '../../proto/gen/siteswap/v1/inventory.ts';
import { SiteswapError } from '../core/errors.ts';
import { type RemoteEvidence, staleAfterMs } from '../core/inventory.ts';
import { devicesPerMessageMax } from '../core/limits.ts';
import { ArrayEvidence } from '../runner/devices.ts';
import type { Engine } from '../runner/service.ts';
import { type Call, type Calls, Encoded, type Service } from './calls.ts';
import { required } from './check.ts';
import { detailOf, siteswapErrorOf } from './errors.ts';
import {
  arraysAskedMax,
  deviceWatchMsDefault,
  deviceWatchMsMax,
  deviceWatchMsMin,
  pluginsAskedMsMax,
} from './limits.ts';
import { merged } from './merged.ts';
import { pageOf, sortedBy } from './pages.ts';
import {
  arrayTo,
  datastoreTo,
  deviceTo,
  momentTo,
  pluginTo,
  remoteTo,
  siteTo,
  vmTo,
} from './translate-inventory.ts';
import { remoteKinds } from './vocabulary.ts';
import { deviceWatchers, lostError, watchDevices } from './watch-devices.ts';

/** Ids of the arrays that were asked for, or of all. */
const arraysOf = (engine: Engine, wanted: readonly string[]): readonly string[] => {
  const arrays = engine.listRemotes().filter(({ kind }) => kind === 'array');
  const known = new Set(arrays.map(({ id }) => id));
  const wrong = wanted.find((id) => !known.has(id));
  if (wrong !== undefined) {
    throw new SiteswapError('REMOTE_NOT_FOUND', `no array has the id ${wrong}`, { subject: wrong });
  }
  return wanted.length > 0 ? [...new Set(wanted)] : [...known];
};

const problemOf = (remoteId: string, thrown: unknown, call: Call): DiscoveryProblem => {
  const error = siteswapErrorOf(thrown);
  return { remoteId, error: detailOf(error, call.id), message: error.message };
};

const portions = function* <T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += devicesPerMessageMax) {
    yield items.slice(from, from + devicesPerMessageMax);
  }
};

async function* arraysAsTheyAnswer(
  engine: Engine,
  request: { readonly arrayIds: readonly string[]; readonly recorded: boolean },
  call: Call,
): AsyncGenerator<DiscoverArraysResponse> {
  const ids = arraysOf(engine, request.arrayIds);
  const asked = ids.map((id) =>
    engine.evidence(id, !request.recorded, !request.recorded).then(
      (said) => ({ arrays: said.arrays.map((info) => arrayTo(info, said)), problems: [] }),
      (thrown) => ({ arrays: [], problems: [problemOf(id, thrown, call)] }),
    ),
  );
  for (const answer of asked) yield await answer;
}

/** Messages of portions that are encoded already: fields of a message come in any order. */
const passedOn = function* (
  arrayId: string,
  portions: readonly Uint8Array[],
  observedTime: Date | undefined,
): Generator<Encoded> {
  const head = DiscoverDevicesResponse.fromPartial({
    arrayId,
    ...(observedTime === undefined ? {} : { observedTime }),
  });
  const rest = DiscoverDevicesResponse.encode(head).finish();
  for (const portion of portions) yield new Encoded(Buffer.concat([rest, portion]));
};

async function* recordedDevices(
  engine: Engine,
  arrayId: string,
): AsyncGenerator<DiscoverDevicesResponse | Encoded> {
  const said = await engine.evidence(arrayId, false, false);
  const { observedAtMs } = said;
  const observedTime = momentTo(observedAtMs);
  const isLost = lostError(engine, arrayId) !== undefined;
  const stale = isLost || Date.now() - observedAtMs > staleAfterMs;
  if (said instanceof ArrayEvidence && !stale) {
    yield* passedOn(arrayId, said.list.portions, observedTime);
    return;
  }
  for (const portion of portions(said.devices)) {
    const told = portion.map((device) => deviceTo(device, stale));
    yield { arrayId, devices: told, problem: undefined, observedTime };
  }
}

async function* devicesNow(engine: Engine, arrayId: string, call: Call): AsyncGenerator<Encoded> {
  for await (const portions of engine.discoverDevices(arrayId, call.signal)) {
    yield* passedOn(arrayId, portions, new Date());
  }
}

async function* devicesOf(
  engine: Engine,
  arrayId: string,
  recorded: boolean,
  call: Call,
): AsyncGenerator<DiscoverDevicesResponse | Encoded, void> {
  try {
    yield* recorded ? recordedDevices(engine, arrayId) : devicesNow(engine, arrayId, call);
  } catch (thrown) {
    if (call.signal.aborted) return;
    const problem = problemOf(arrayId, thrown, call);
    yield { arrayId, devices: [], problem, observedTime: undefined };
  }
}

const devices = (
  engine: Engine,
  { arrayIds, recorded }: DiscoverDevicesRequest,
  call: Call,
): AsyncGenerator<DiscoverDevicesResponse | Encoded, void> =>
  merged(
    arraysOf(engine, arrayIds).map((arrayId) => devicesOf(engine, arrayId, recorded, call)),
    arraysAskedMax,
  );

const watched = (
  engine: Engine,
  { arrayIds, intervalMs: wanted }: WatchDevicesRequest,
  call: Call,
): AsyncGenerator<WatchDevicesResponse, void> => {
  const intervalMs = wanted === 0 ? deviceWatchMsDefault : wanted;
  if (intervalMs < deviceWatchMsMin || intervalMs > deviceWatchMsMax) {
    const bounds = `${deviceWatchMsMin} to ${deviceWatchMsMax}`;
    const message = `intervalMs: ${wanted}: give ${bounds}, or 0 for ${deviceWatchMsDefault}`;
    throw new SiteswapError('INVALID_REQUEST', message);
  }
  const ids = arraysOf(engine, arrayIds);
  const { signal } = call;
  const problem = (id: string, thrown: unknown) => problemOf(id, thrown, call);
  const streams = ids.map((arrayId) =>
    watchDevices({ engine, arrayId, intervalMs, signal, problemOf: problem }),
  );
  return merged(streams, ids.length);
};

/** What a compute holds: asked for the first page, recorded for the others. */
const computeSaid = async (
  engine: Engine,
  request: { readonly computeId: string; readonly recorded: boolean; readonly pageToken: string },
): Promise<RemoteEvidence> => {
  const id = required('computeId', request.computeId);
  const remote = engine.listRemotes().find((known) => known.id === id);
  if (remote?.kind !== 'compute') {
    throw new SiteswapError('REMOTE_NOT_FOUND', `no compute has the id ${id}`, { subject: id });
  }
  const { recorded, pageToken } = request;
  return engine.evidence(id, !recorded && pageToken === '', !recorded);
};

export const inventoryService = (engine: Engine, calls: Calls): Service => {
  const admitted = deviceWatchers();
  return calls.service(InventoryServiceService, {
    listPlugins: async () => ({ plugins: (await engine.listPlugins()).map(pluginTo) }),
    listSites: () => ({ sites: engine.listSites().map(siteTo) }),
    listRemotes: async ({ siteId, kind }) => {
      // A plugin that does not load is every remote's trouble; who hangs in it is not waited for.
      await Promise.race([
        engine.listPlugins(),
        delay(pluginsAskedMsMax, undefined, { ref: false }),
      ]);
      const wanted = remoteKinds.decode(kind);
      const all = engine.listRemotes();
      const ofKind = kind === RemoteKind.UNSPECIFIED ? all : all.filter((r) => r.kind === wanted);
      const remotes = siteId === '' ? ofKind : ofKind.filter((r) => r.siteId === siteId);
      return { remotes: remotes.map(remoteTo) };
    },
    discoverArrays: (request, call) => arraysAsTheyAnswer(engine, request, call),
    discoverDevices: (request, call) => devices(engine, request, call),
    watchDevices: (request, call) => admitted(() => watched(engine, request, call)),
    listVms: async (request) => {
      const { vms, observedAtMs } = await computeSaid(engine, request);
      const keyOf = ({ id, instance }: { id: string; instance: string }) => `${id}\n${instance}`;
      const page = pageOf(`vms ${request.computeId}`, sortedBy(vms, keyOf), keyOf, request);
      return {
        vms: page.items.map(vmTo),
        nextPageToken: page.nextPageToken,
        observedTime: momentTo(observedAtMs),
      };
    },
    listDatastores: async (request) => {
      const { datastores, observedAtMs } = await computeSaid(engine, request);
      const keyOf = ({ id, instance }: { id: string; instance: string }) => `${id}\n${instance}`;
      const list = `datastores ${request.computeId}`;
      const page = pageOf(list, sortedBy(datastores, keyOf), keyOf, request);
      return {
        datastores: page.items.map(datastoreTo),
        nextPageToken: page.nextPageToken,
        observedTime: momentTo(observedAtMs),
      };
    },
  });
};
