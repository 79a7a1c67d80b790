/**
 * Which site is the source of a device that both sites share. The storage has no roles for it, so
 * the daemon keeps the record: it is set together with the outcome of the task that turned the
 * device round, and set right whenever the storage itself tells.
 */
import type { Device, Direction } from '../../sdk/plugin/model.ts';
import type { Group, RunState } from './engine/state.ts';
import type { Entry, TaskOutcome, TaskSettled } from './entries.ts';
import type { StorageItem } from './frozen.ts';
import { otherArray, type Presentation, type Presentations } from './presentation.ts';
import { decodeRanges } from './ranges.ts';

/** The site is the source of these devices from now on. */
export interface SourceSet {
  readonly type: 'source-set';
  readonly at: number;
  /** The first array of the presentation. */
  readonly arrayId: string;
  readonly siteId: string;
  readonly deviceIds: readonly string[];
}

/** First array's id → device id → site of the source; what is not here is at the first array. */
export type SourceBook = Map<string, Map<string, string>>;

export const foldSource = (book: SourceBook, entry: SourceSet): void => {
  const sources = book.get(entry.arrayId) ?? new Map<string, string>();
  book.set(entry.arrayId, sources);
  for (const id of entry.deviceIds) sources.set(id, entry.siteId);
};

export const sourceOf = (book: SourceBook, { first }: Presentation, deviceId: string): string =>
  book.get(first.id)?.get(deviceId) ?? first.siteId;

/** The book as entries of so many devices at the most; folded over any earlier ones, the same. */
export function* sourceEntries(book: SourceBook, at: number, devicesMax: number) {
  for (const [arrayId, sources] of book) {
    const bySite = Map.groupBy(sources, ([, siteId]) => siteId);
    for (const [siteId, held] of bySite) {
      const ids = held.map(([id]) => id);
      for (let from = 0; from < ids.length; from += devicesMax) {
        const deviceIds = ids.slice(from, from + devicesMax);
        yield { type: 'source-set', at, arrayId, siteId, deviceIds } satisfies SourceSet;
      }
    }
  }
}

/** Steps after which the recovery side is the source; undone, the other one is again. */
const turning: ReadonlySet<string> = new Set([
  'promote-target',
  'reverse',
  'switch-site-preference',
  'fence-lost-side',
  'device-failover',
  'device-reverse',
]);

type Told = TaskOutcome | TaskSettled;

const isTold = (entry: Entry): entry is Told =>
  (entry.type === 'task-outcome' || entry.type === 'task-settled') && entry.done !== '';

/** The roles that a device run asked for in so many words. */
const rolesAsked = (state: RunState): Readonly<Record<string, Direction>> =>
  (state.frozen.args?.to ?? {}) as Readonly<Record<string, Direction>>;

const sourcesOf = (
  state: RunState,
  presentation: Presentation,
  { frozen }: Group,
  entry: Told,
): readonly (readonly [deviceId: string, siteId: string])[] => {
  const other = otherArray(presentation, frozen.recoveryArrayId);
  const here = otherArray(presentation, other.id);
  const items = frozen.items as readonly StorageItem[];
  const ids = decodeRanges(entry.done).flatMap((at) => items[at]?.recovery.devices ?? []);
  const name = state.steps[entry.step]?.name ?? '';
  if (turning.has(name)) {
    const { siteId } = entry.direction === 'undo' ? other : here;
    return ids.map((id) => [id, siteId]);
  }
  if (name !== 'device-restoreReplication') return [];
  const asked = rolesAsked(state);
  return ids.flatMap((id) => {
    if (asked[id] === 'outgoing') return [[id, here.siteId]];
    return asked[id] === 'incoming' ? [[id, other.siteId]] : [];
  });
};

const bySource = (
  presentation: Presentation,
  at: number,
  sources: readonly (readonly [deviceId: string, siteId: string])[],
): readonly SourceSet[] =>
  [...Map.groupBy(sources, ([, siteId]) => siteId)].map(([siteId, found]) => ({
    type: 'source-set',
    at,
    arrayId: presentation.first.id,
    siteId,
    deviceIds: found.map(([id]) => id),
  }));

/** What entries of a run say of shared devices; they land together. */
export const sourcesTurned = (
  presentations: Presentations,
  state: RunState,
  entries: readonly Entry[],
): readonly SourceSet[] =>
  presentations.size === 0
    ? []
    : entries.filter(isTold).flatMap((entry) => {
        const group = state.groups[entry.group] as Group;
        const presentation = presentations.get(group.frozen.recoveryArrayId);
        if (presentation?.as !== 'shared-as-stretched' || group.frozen.unit === 'vm') return [];
        return bySource(presentation, entry.at, sourcesOf(state, presentation, group, entry));
      });

/** The source's site that a device tells, as an array shows it; undefined: it is not shared. */
const sourceShown = (presentation: Presentation, arrayId: string, device: Device) => {
  const { id, peer, stretched, direction } = device;
  const other = otherArray(presentation, arrayId);
  const isOwnPeer = peer?.arrayId === other.id && peer.deviceId === id;
  if (!isOwnPeer || stretched !== true) return undefined;
  if (direction === 'incoming') return other.siteId;
  return direction === 'outgoing' ? otherArray(presentation, other.id).siteId : undefined;
};

/** Where the storage's own word, in what an array showed, differs from the record. */
export const sourcesSettled = (
  presentations: Presentations,
  book: SourceBook,
  arrayId: string,
  shown: readonly Device[],
  at: number,
): readonly SourceSet[] => {
  const presentation = presentations.get(arrayId);
  if (presentation?.as !== 'shared-as-stretched') return [];
  const sources = shown.flatMap((device) => {
    const siteId = sourceShown(presentation, arrayId, device);
    const isNews = siteId !== undefined && siteId !== sourceOf(book, presentation, device.id);
    return isNews ? [[device.id, siteId] as const] : [];
  });
  return bySource(presentation, at, sources);
};
