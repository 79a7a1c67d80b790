/**
 * Which site is the source of a device that both sites share. The storage has no roles for it, so
 * the daemon keeps the record: it is set together with the outcome of the task that turned the
 * device round, and set right whenever the storage itself tells.
 */
import type { Device, Direction } from '../../sdk/plugin/model.ts';
import type { Group, RunState } from './engine/state.ts';
import type { Entry, TaskOutcome, TaskSettled } from './entries.ts';
import type { StorageItem } from './frozen.ts';
import { sourcesPerEntryMax } from './limits.ts';
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

interface Sources {
  /** Id of a shared device → site of its source. */
  readonly siteOf: Map<string, string>;
  /** How often any of them was set. */
  turns: number;
}

/** First array's id → the sources of its shared devices. Made by discovery. */
export type SourceBook = Map<string, Sources>;

export const foldSource = (book: SourceBook, entry: SourceSet): void => {
  const sources = book.get(entry.arrayId) ?? { siteOf: new Map(), turns: 0 };
  book.set(entry.arrayId, sources);
  sources.turns++;
  for (const id of entry.deviceIds) sources.siteOf.set(id, entry.siteId);
};

/** Rises whenever a source is set of what this array shows. */
export const turnsOf = (presentations: Presentations, book: SourceBook, arrayId: string): number =>
  book.get(presentations.get(arrayId)?.first.id ?? '')?.turns ?? 0;

/** Undefined: not known to be shared. */
export const sourceOf = (
  book: SourceBook,
  { first }: Presentation,
  deviceId: string,
): string | undefined => book.get(first.id)?.siteOf.get(deviceId);

type Source = readonly [deviceId: string, siteId: string];

const entriesOf = (arrayId: string, at: number, sources: Iterable<Source>): SourceSet[] => {
  const entries: SourceSet[] = [];
  for (const [siteId, found] of Map.groupBy(sources, ([, siteId]) => siteId)) {
    for (let from = 0; from < found.length; from += sourcesPerEntryMax) {
      const deviceIds = found.slice(from, from + sourcesPerEntryMax).map(([id]) => id);
      entries.push({ type: 'source-set', at, arrayId, siteId, deviceIds });
    }
  }
  return entries;
};

/** The whole book as entries: folded over any earlier ones they make the same. */
export const bookEntries = (book: SourceBook, at: number): readonly SourceSet[] =>
  [...book].flatMap(([arrayId, { siteOf }]) => entriesOf(arrayId, at, siteOf));

/** Steps after which the recovery side is the source; undone, the other one is again. */
export const turningSteps: ReadonlySet<string> = new Set([
  'promote-target',
  'reverse',
  'resync-diverged',
  'switch-site-preference',
  'fence-lost-side',
  'device-failover',
  'device-reverse',
  'device-resync',
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
): readonly Source[] => {
  const other = otherArray(presentation, frozen.recoveryArrayId);
  const here = otherArray(presentation, other.id);
  const items = frozen.items as readonly StorageItem[];
  const ids = decodeRanges(entry.done).flatMap((at) => items[at]?.recovery.devices ?? []);
  const name = state.steps[entry.step]?.name ?? '';
  if (turningSteps.has(name)) {
    const { siteId } = entry.direction === 'undo' ? other : here;
    return ids.map((id) => [id, siteId]);
  }
  if (name === 'device-setSitePreference') {
    return ids.map((id) => [id, String(state.frozen.args?.siteId)]);
  }
  if (name !== 'device-restoreReplication') return [];
  const asked = rolesAsked(state);
  return ids.flatMap((id) => {
    if (asked[id] === 'outgoing') return [[id, here.siteId]];
    return asked[id] === 'incoming' ? [[id, other.siteId]] : [];
  });
};

/**
 * What entries of a run say of shared devices; they land together. A device that is not in the book
 * is replicated: whose source it is its array says.
 */
export const sourcesTurned = (
  presentations: Presentations,
  book: SourceBook,
  state: RunState,
  entries: readonly Entry[],
): readonly SourceSet[] =>
  presentations.size === 0
    ? []
    : entries.filter(isTold).flatMap((entry) => {
        const group = state.groups[entry.group] as Group;
        const presentation = presentations.get(group.frozen.recoveryArrayId);
        if (presentation?.as !== 'shared-as-stretched' || group.frozen.unit === 'vm') return [];
        const turned = sourcesOf(state, presentation, group, entry).filter(
          ([id]) => sourceOf(book, presentation, id) !== undefined,
        );
        return entriesOf(presentation.first.id, entry.at, turned);
      });

/** The source's site that a device tells, as an array shows it; undefined: it is not shared. */
const sourceShown = (presentation: Presentation, arrayId: string, device: Device) => {
  const { id, peer, stretched, direction, preferredSiteId } = device;
  const other = otherArray(presentation, arrayId);
  const isOwnPeer = peer?.arrayId === other.id && peer.deviceId === id;
  if (!isOwnPeer || stretched !== true) return undefined;
  if (direction === 'incoming') return other.siteId;
  return direction === 'outgoing' ? otherArray(presentation, other.id).siteId : preferredSiteId;
};

/**
 * Where what an array showed is not in the book: devices that are new, and those of which the
 * storage itself tells something else.
 */
export const sourcesSettled = (
  presentations: Presentations,
  book: SourceBook,
  arrayId: string,
  shown: readonly Device[],
  at: number,
): readonly SourceSet[] => {
  const presentation = presentations.get(arrayId);
  if (presentation?.as !== 'shared-as-stretched') return [];
  const news = shown.flatMap((device): Source[] => {
    const siteId = sourceShown(presentation, arrayId, device);
    const isNews = siteId !== undefined && siteId !== sourceOf(book, presentation, device.id);
    return isNews ? [[device.id, siteId]] : [];
  });
  return entriesOf(presentation.first.id, at, news);
};
