/**
 * The choice among all copies of one VM that were found in the recovered datastores: the table of
 * two, applied to the newest migration on record; where that leads to a copy which has not heard
 * of it, to the one before. Pure and total: the same copies give the same choice, at a test and at
 * a disaster, whoever asks, and without a word from the protected site.
 * Source: US 9,417,976.
 */
import { decodeRecord, type MigrationRecord } from '../../../sdk/plugin/migration-record.ts';
import type { FoundInstance } from '../../../sdk/plugin/model.ts';
import { type Cell, type InstanceState, type InstanceWarning, instanceTable } from './table.ts';

export type Resolution =
  | {
      readonly kind: 'chosen';
      /** Several only where the VM's disks stand in several. */
      readonly datastoreIds: readonly string[];
      readonly why: string;
      readonly warnings: readonly InstanceWarning[];
    }
  | { readonly kind: 'refused'; readonly why: string }
  /** The digests of these have to be taken first: the choice hangs on whether they are whole. */
  | { readonly kind: 'unproven'; readonly datastoreIds: readonly string[] };

interface Copy extends FoundInstance {
  /** Undefined: none. */
  readonly known: MigrationRecord | 'torn' | undefined;
}

type Migration = Pick<MigrationRecord, 'migrationId' | 'sequence' | 'source' | 'destination'>;

/** A record that stands where it says; one of another VM or place is as good as torn. */
const fits = (
  record: MigrationRecord | undefined,
  { datastoreId }: FoundInstance,
  vmId: string,
): boolean =>
  record !== undefined &&
  record.vmId === vmId &&
  record[record.role] === datastoreId &&
  record.source !== record.destination;

const readCopy = (found: FoundInstance, vmId: string): Copy => {
  if (found.record === undefined) return { ...found, known: undefined };
  const record = decodeRecord(found.record);
  return { ...found, known: fits(record, found, vmId) ? record : 'torn' };
};

const recordOf = ({ known }: Copy): MigrationRecord | undefined =>
  known === 'torn' ? undefined : known;

/** The newest migration on record; a tie of two names neither. */
const newestOf = (copies: readonly Copy[]): Migration | 'tie' | undefined => {
  const records = copies.flatMap((copy) => recordOf(copy) ?? []);
  const newest = records.reduce<MigrationRecord | undefined>(
    (best, one) => (best === undefined || one.sequence > best.sequence ? one : best),
    undefined,
  );
  const rival = records.some(
    ({ sequence, migrationId }) =>
      sequence === newest?.sequence && migrationId !== newest.migrationId,
  );
  return rival ? 'tie' : newest;
};

/** What a copy is to a migration. A record of another, older one is none of this one. */
const stateIn = (
  { migrationId }: Migration,
  copy: Copy | undefined,
  role: 'source' | 'destination',
): InstanceState => {
  if (copy === undefined) return 'absent';
  const { known, disks } = copy;
  if (known === 'torn') return 'torn';
  if (known?.migrationId === migrationId) return known.state;
  // What an older migration left where this one goes to is not its destination yet.
  const isOlder = known !== undefined && role === 'destination';
  return isOlder || disks.length === 0 ? 'absent' : 'no-record';
};

const refused = (why: string): Resolution => ({ kind: 'refused', why });

const namesOf = (copies: readonly Copy[]): string =>
  copies.map(({ datastoreId }) => datastoreId).join(', ');

const withWarning = (resolution: Resolution, warning: InstanceWarning | undefined): Resolution => {
  if (resolution.kind !== 'chosen' || warning === undefined) return resolution;
  return { ...resolution, warnings: [...new Set([...resolution.warnings, warning])] };
};

/** Takes a copy, provided that its disks are what its record says, where that counts. */
const take = (copy: Copy, { ifWhole, warning, why }: Cell): Resolution => {
  const { datastoreId } = copy;
  const chosen = { kind: 'chosen', datastoreIds: [datastoreId], why, warnings: [] } as const;
  if (ifWhole !== true) return withWarning(chosen, warning);
  const wanted = recordOf(copy)?.digest ?? '';
  if (wanted === '') return refused(`${why}; its record names no digest to prove it whole by`);
  if (copy.digest === undefined) return { kind: 'unproven', datastoreIds: [datastoreId] };
  if (copy.digest === wanted) return withWarning(chosen, warning);
  return refused(`${why}; but the disks in ${datastoreId} are not whole`);
};

const tornAt = ({ datastoreId }: Copy): Resolution =>
  refused(`the record in ${datastoreId} is torn: what stands there may be the newer copy`);

/** No record can be read: a lone copy is the VM; of several nobody can say. */
const withoutRecord = (copies: readonly Copy[]): Resolution => {
  const [only, ...others] = copies;
  if (only === undefined) return refused(instanceTable.absent.absent.why);
  const torn = copies.find(({ known }) => known === 'torn');
  if (torn !== undefined) return tornAt(torn);
  if (others.length === 0) return take(only, instanceTable['no-record'].absent);
  return refused(`${instanceTable['no-record']['no-record'].why}: ${namesOf(copies)}`);
};

/** The copy that the newest migration started from: what it is itself, older records tell. */
const takeSource = (from: Copy, older: readonly Copy[], cell: Cell): Resolution => {
  if (older.length === 0) return take(from, cell);
  const before = choose(older);
  if (before.kind !== 'chosen') return before;
  if (!before.datastoreIds.includes(from.datastoreId)) return withWarning(before, 'stale');
  return withWarning({ ...before, why: cell.why }, cell.warning);
};

/** One round: each leaves out the destination of the newest migration, so there is an end. */
const choose = (copies: readonly Copy[]): Resolution => {
  const newest = newestOf(copies);
  if (newest === 'tie') return refused('two migrations of the same sequence are on record');
  if (newest === undefined) return withoutRecord(copies);
  const from = copies.find(({ datastoreId }) => datastoreId === newest.source);
  const to = copies.find(({ datastoreId }) => datastoreId === newest.destination);
  const others = copies.filter((copy) => copy !== from && copy !== to);
  const torn = others.find(({ known }) => known === 'torn');
  if (torn !== undefined) return tornAt(torn);
  const states = [stateIn(newest, from, 'source'), stateIn(newest, to, 'destination')] as const;
  const cell = instanceTable[states[0]][states[1]];
  if (cell.choose === 'destination') return lastResort(take(to as Copy, cell), others);
  if (cell.choose === 'refuse') return refused(cell.why);
  const isOwn = states[0] !== 'no-record';
  const older = copies.filter((copy) => copy !== to);
  return takeSource(from as Copy, isOwn ? [] : older, cell);
};

/** Half a copy at the end of a chain, its source gone: the copy of an earlier link, so stale. */
const lastResort = (taken: Resolution, others: readonly Copy[]): Resolution =>
  taken.kind === 'refused' && others.length > 0 ? withWarning(choose(others), 'stale') : taken;

/** A VM may have its disks in several datastores: only what holds the same disk is a copy of it. */
const disksOf = (copy: Copy): readonly string[] => [
  ...copy.disks,
  ...(recordOf(copy)?.disks ?? []),
];

const apart = (copies: readonly Copy[]): readonly (readonly Copy[])[] => {
  let sets: { readonly disks: ReadonlySet<string>; readonly copies: readonly Copy[] }[] = [];
  for (const copy of copies) {
    const disks = disksOf(copy);
    const touched = sets.filter((set) => disks.some((disk) => set.disks.has(disk)));
    const united = {
      disks: new Set([...disks, ...touched.flatMap((set) => [...set.disks])]),
      copies: [...touched.flatMap((set) => set.copies), copy],
    };
    sets = [...sets.filter((set) => !touched.includes(set)), united];
  }
  return sets.map((set) => set.copies);
};

/** Nothing is to be chosen: no record, and each disk stands there once. */
export const isPlain = (found: readonly FoundInstance[]): boolean => {
  if (found.some(({ record }) => record !== undefined)) return false;
  const disks = found.flatMap((one) => one.disks);
  return new Set(disks).size === disks.length;
};

/** Which copy is the VM; `found`: every datastore with files of it, each once, in any order. */
export const resolveInstances = (vmId: string, found: readonly FoundInstance[]): Resolution => {
  const copies = found.map((one) => readCopy(one, vmId));
  if (copies.length === 0) return choose([]);
  const choices = apart(copies).map(choose);
  const refusal = choices.find(({ kind }) => kind === 'refused');
  if (refusal !== undefined) return refusal;
  const unproven = choices.flatMap((one) => (one.kind === 'unproven' ? one.datastoreIds : []));
  if (unproven.length > 0) return { kind: 'unproven', datastoreIds: unproven };
  const chosen = choices.flatMap((one) => (one.kind === 'chosen' ? [one] : []));
  return {
    kind: 'chosen',
    datastoreIds: chosen.flatMap(({ datastoreIds }) => datastoreIds),
    why: [...new Set(chosen.map(({ why }) => why))].join('; '),
    warnings: [...new Set(chosen.flatMap(({ warnings }) => warnings))],
  };
};
