/**
 * Where the journal says that a side was fenced, a writer that comes back there fails: somebody
 * tries, whenever a run is at rest, until the data of that side has been replaced.
 */
import { commands } from '../../../plugins/lab/commands.ts';
import type { Lab } from '../../../plugins/lab/lab.ts';
import type { Checker } from './checker.ts';
import { deviceAt } from './places.ts';
import { isStorage, Runs } from './runs.ts';

const fencing: ReadonlySet<string> = new Set(['fence-lost-side', 'fence-returned-side']);
const replacing: ReadonlySet<string> = new Set(['reverse', 'resync-diverged']);

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

export const returningWriterFails: Checker = ({ lab }) => {
  const runs = new Runs();
  /** Device → the site at which it is cut off. */
  const cut = new Map<string, string>();
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed') {
      const { entry, stream } = moment;
      if (entry.type !== 'task-outcome' && entry.type !== 'task-settled') return undefined;
      const run = runs.of(stream);
      const step = run?.stepName(entry.step) ?? '';
      for (const item of run?.itemsAt(entry.group, entry.done) ?? []) {
        if (!isStorage(item) || item.neverPromoted === true) continue;
        for (const id of item.protected.devices) {
          if (fencing.has(step)) cut.set(id, run?.started.frozen.protectedSiteId ?? '');
          if (replacing.has(step)) cut.delete(id);
        }
      }
      return undefined;
    }
    if (moment.kind !== 'rest' && moment.kind !== 'end') return undefined;
    for (const [id, siteId] of cut) {
      const wrong = tryToWrite(lab, siteId, id);
      if (wrong !== undefined) return `${wrong}, where it was fenced`;
    }
    return undefined;
  };
};
