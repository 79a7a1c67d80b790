/**
 * Where the journal says that a side was fenced, a writer that comes back there fails: somebody
 * tries, whenever a run is at rest, until the data of that side has been replaced.
 */
import type { Entry } from '../../../daemon/core/entries.ts';
import type { SystemEntry } from '../../../daemon/core/system.ts';
import { commands } from '../../../plugins/lab/commands.ts';
import type { Lab } from '../../../plugins/lab/lab.ts';
import type { Checker } from './checker.ts';
import { deviceAt } from './places.ts';
import { isStorage, type Run, Runs } from './runs.ts';

const fencing: ReadonlySet<string> = new Set(['fence-lost-side', 'fence-returned-side']);
const replacing: ReadonlySet<string> = new Set(['reverse', 'resync-diverged', 'device-resync']);

/** As soon as it hears of the other side, an end knows that it was fenced. */
const tryToWrite = (lab: Lab, siteId: string, id: string): string | undefined => {
  const device = deviceAt(lab, siteId, id);
  if (device === undefined || device.storage.down || device.peer?.storage.down) return undefined;
  const [vmId] = device.held?.writers ?? [];
  const isOwn = device.held !== device.peer?.held;
  if (isOwn && vmId !== undefined) return `${vmId} goes on writing to ${id} at ${siteId}`;
  const said = commands.write(lab, device.storage.id, id);
  return said === 'written' ? `a host can write to ${id} at ${siteId}` : undefined;
};

/**
 * Devices at the protected side of a workgroup's items: those at `positions`, or all of them. Of a
 * device run, which is called at the side whose data stays: those at the other one.
 */
const devicesAt = (run: Run, group: number, positions?: string): readonly string[] =>
  run.itemsAt(group, positions).flatMap((item) => {
    if (!isStorage(item) || item.neverPromoted === true) return [];
    const { devices, peers = [] } = item.protected;
    const isDevice = run.started.frozen.mode === 'device';
    return isDevice ? peers.map(({ deviceId }) => deviceId) : devices;
  });

export const returningWriterFails: Checker = ({ lab }) => {
  const runs = new Runs();
  /** Device → the site at which it is cut off. */
  const cut = new Map<string, string>();
  /** Devices whose data may have been replaced, by a task that has not said so yet. */
  const asked = new Set<string>();

  const see = (run: Run | undefined, entry: Entry | SystemEntry): void => {
    if (run === undefined) return;
    const isIntent = entry.type === 'task-started';
    if (!isIntent && entry.type !== 'task-outcome' && entry.type !== 'task-settled') return;
    const step = run.stepName(entry.step);
    const whole = isIntent || entry.type === 'task-settled';
    for (const id of devicesAt(run, entry.group, whole ? undefined : entry.done)) {
      if (replacing.has(step)) asked[isIntent ? 'add' : 'delete'](id);
    }
    if (isIntent) return;
    for (const id of devicesAt(run, entry.group, entry.done)) {
      if (fencing.has(step)) cut.set(id, run.started.frozen.protectedSiteId);
      if (replacing.has(step)) cut.delete(id);
    }
  };

  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed') see(runs.of(moment.stream), moment.entry);
    if (moment.kind !== 'rest' && moment.kind !== 'end') return undefined;
    for (const [id, siteId] of cut) {
      if (asked.has(id)) continue;
      const wrong = tryToWrite(lab, siteId, id);
      if (wrong !== undefined) return `${wrong}, where it was fenced`;
    }
    return undefined;
  };
};
