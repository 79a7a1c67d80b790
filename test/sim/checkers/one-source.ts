/**
 * Of a device that both sites share, one site is the source: the arrays themselves, the record that
 * the daemon keeps, and what it shows at either array, all name the same one.
 */
import type { Lab } from '../../../plugins/lab/lab.ts';
import type { LabDevice } from '../../../plugins/lab/model.ts';
import type { Device } from '../../../sdk/plugin/model.ts';
import { siteOfRemote } from '../computer.ts';
import type { Checker } from './checker.ts';

/** Nobody has to agree about a side that cannot be asked. */
const truthOf = (device: LabDevice): string | undefined => {
  const ends = [device, device.peer as LabDevice].filter(({ storage }) => !storage.down);
  const [stretched] = ends.filter(({ role }) => role === 'stretched');
  if (stretched !== undefined) return stretched.preferredSiteId;
  const sources = ends.filter(({ role, fenced }) => role === 'source' && !fenced);
  return sources.length === 1 ? sources[0]?.storage.siteId : undefined;
};

const sharedAt = (lab: Lab, arrayId: string): readonly LabDevice[] => {
  const order = lab.world.storages.get(arrayId)?.order ?? [];
  return order.filter(({ id, peer }) => peer?.id === id);
};

/** The site that a listing of this array names. */
const shownBy = (arrayId: string, { direction, preferredSiteId, peer }: Device) => {
  if (direction === 'outgoing') return siteOfRemote(arrayId);
  return direction === 'incoming' ? siteOfRemote(peer?.arrayId ?? '') : preferredSiteId;
};

export const oneSource: Checker = ({ lab, scenario }) => {
  const recorded = new Map<string, string>();
  /** What one of these has just done at an array is not on record yet. */
  const open = new Set<string>();
  const odd = (device: LabDevice, who: string, named: string | undefined): string | undefined => {
    const truth = truthOf(device);
    if (truth === undefined || truth === named) return undefined;
    return `${device.id}: ${who} names ${named}, its source is ${truth}`;
  };
  const all = (named: (device: LabDevice) => string | undefined, who: string, arrayId: string) =>
    sharedAt(lab, arrayId).flatMap((device) => odd(device, who, named(device)) ?? [])[0];
  return (moment) => {
    if (scenario.present !== 'shared-as-stretched') return undefined;
    if (moment.kind === 'landed') {
      const { entry } = moment;
      if (entry.type === 'run-opened') open.add(entry.runId);
      if (entry.type === 'run-closed') open.delete(entry.runId);
      if (entry.type !== 'source-set') return undefined;
      for (const id of entry.deviceIds) recorded.set(id, entry.siteId);
    }
    if (moment.kind === 'rest' && moment.view.result === 'succeeded' && open.size === 0) {
      return all(({ id }) => recorded.get(id), 'the record', 'lab-b');
    }
    if (moment.kind !== 'listed') return undefined;
    const { arrayId, devices } = moment;
    if (lab.world.storages.get(arrayId)?.down === true) return undefined;
    const shown = new Map(devices.map((device) => [device.id, shownBy(arrayId, device)]));
    return (
      all(({ id }) => shown.get(id), `what is shown at ${arrayId}`, arrayId) ??
      all(({ id }) => recorded.get(id), 'the record', arrayId)
    );
  };
};
