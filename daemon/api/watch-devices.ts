/**
 * Devices as they change: first a whole picture, then what differs from the last one. A watcher is
 * only ever told how things are now, so one that reads slowly is asked for less often, never queued
 * for: what it holds here is one fingerprint for each device.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type {
  Device as DeviceMessage,
  DiscoveryProblem,
  WatchDevicesResponse,
} from '../../proto/gen/siteswap/v1/inventory.ts';
import { SiteswapError } from '../core/errors.ts';
import { type RemoteEvidence, staleAfterMs } from '../core/inventory.ts';
import { devicesPerMessageMax } from '../core/limits.ts';
import { printOf } from '../core/prints.ts';
import type { Engine } from '../runner/service.ts';
import { deviceWatchersMax } from './limits.ts';
import { deviceTo, momentTo } from './translate-inventory.ts';

export interface DeviceWatch {
  readonly engine: Engine;
  readonly arrayId: string;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  readonly problemOf: (arrayId: string, thrown: unknown) => DiscoveryProblem;
}

interface Look {
  readonly said?: RemoteEvidence;
  readonly problem?: DiscoveryProblem;
}

/** What the array says now; when it cannot be asked, why, and what it said last. */
const look = async ({ engine, arrayId, problemOf }: DeviceWatch): Promise<Look> => {
  const lost = lostError(engine, arrayId);
  try {
    if (lost !== undefined) throw lost;
    return { said: await engine.evidence(arrayId, true) };
  } catch (thrown) {
    const said = await engine.evidence(arrayId, false).catch(() => undefined);
    return { problem: problemOf(arrayId, thrown), ...(said !== undefined && { said }) };
  }
};

/** Nobody asks at a lost site, and nobody can say how things are there. */
export const lostError = (engine: Engine, arrayId: string): SiteswapError | undefined => {
  const remote = engine.listRemotes().find(({ id }) => id === arrayId);
  if (remote?.health !== 'lost') return undefined;
  const message =
    `site "${remote.siteId}" of ${arrayId} is declared lost: its devices are told as they were ` +
    'last heard of';
  return new SiteswapError('SITE_LOST', message, { subject: remote.siteId });
};

const isOld = (said: RemoteEvidence, problem: DiscoveryProblem | undefined): boolean =>
  problem?.error?.reason === 'SITE_LOST' || Date.now() - said.observedAtMs > staleAfterMs;

const portionsOf = function* <T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += devicesPerMessageMax) {
    yield items.slice(at, at + devicesPerMessageMax);
  }
};

/** What was told of one array, and what is to be told now. */
class Picture {
  #prints = new Map<string, number>();
  #problem = '';
  #isFirst = true;

  *changes(arrayId: string, { said, problem }: Look): Generator<WatchDevicesResponse> {
    const snapshot = this.#isFirst;
    this.#isFirst = false;
    const observedTime = momentTo(said?.observedAtMs);
    const plain = { arrayId, devices: [], goneIds: [], snapshot, observedTime };
    if ((problem?.message ?? '') !== this.#problem) {
      this.#problem = problem?.message ?? '';
      if (problem !== undefined) yield { ...plain, problem };
    }
    if (said === undefined) return;
    const stale = isOld(said, problem);
    const prints = new Map<string, number>();
    const changed: DeviceMessage[] = [];
    for (const device of said.devices) {
      const told = deviceTo(device, stale);
      const print = printOf(JSON.stringify(told));
      if (this.#prints.get(device.id) !== print) changed.push(told);
      prints.set(device.id, print);
    }
    const gone = [...this.#prints.keys()].filter((id) => !prints.has(id));
    this.#prints = prints;
    for (const devices of portionsOf(changed)) yield { ...plain, devices, problem: undefined };
    for (const goneIds of portionsOf(gone)) yield { ...plain, goneIds, problem: undefined };
  }
}

/** Ends when the caller hangs up. */
export async function* watchDevices(
  watch: DeviceWatch,
): AsyncGenerator<WatchDevicesResponse, void> {
  const { arrayId, intervalMs, signal } = watch;
  const picture = new Picture();
  while (!signal.aborted) {
    for (const message of picture.changes(arrayId, await look(watch))) {
      if (signal.aborted) return;
      yield message;
    }
    await delay(intervalMs, undefined, { signal }).catch(() => {});
  }
}

/** Lets so many watches be open at once, each of which asks arrays again and again. */
export const deviceWatchers = () => {
  let open = 0;
  return async function* <T>(start: () => AsyncGenerator<T, void>): AsyncGenerator<T, void> {
    if (open >= deviceWatchersMax) {
      const message = `${deviceWatchersMax} watches of devices are open already`;
      throw new SiteswapError('TOO_MANY_WATCHERS', message);
    }
    open++;
    try {
      yield* start();
    } finally {
      open--;
    }
  };
};
