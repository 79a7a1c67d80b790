/**
 * What the steps of a storage migration share: the targets of a VM's move, its two records, and how
 * they are written. A record is a small file of the datastore: the plugin replaces it whole, and
 * what it has acknowledged is durable.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import {
  decodeRecord,
  encodeRecord,
  type MigrationRecord,
  type MigrationRole,
  migrationRoles,
  recordPathOf,
  recordStates,
} from '../../sdk/plugin/migration-record.ts';
import type { Answer, FileTarget, MoveTarget, Settlement } from '../../sdk/plugin/verbs.ts';
import type { DiskMove, VmItem } from '../core/frozen.ts';
import type { StepCall } from './step.ts';
import { change, type Share, settle } from './targets.ts';

const nowhere: DiskMove = {
  migrationId: '',
  sequence: 0,
  fromDatastoreId: '',
  toDatastoreId: '',
  disks: [],
  devices: [],
};

/** Every item of such a run has a move: the planner makes no other. */
export const moveOf = ({ move }: VmItem): DiskMove => move ?? nowhere;

export const moveTarget = (
  call: StepCall<VmItem>,
  item: VmItem,
  record?: MigrationRecord,
): MoveTarget => {
  const { migrationId, fromDatastoreId, toDatastoreId } = moveOf(item);
  const ends = { migrationId, fromDatastoreId, toDatastoreId };
  const target = { id: item.id, instance: call.instance, ...ends };
  return record === undefined ? target : { ...target, record: encodeRecord(record) };
};

export const movesOf = (call: StepCall<VmItem>): Share<MoveTarget>[] =>
  call.items.map((item) => ({ id: item.id, targets: [moveTarget(call, item)] }));

/** The record of one end, in a state. */
export const recordOf = (
  item: VmItem,
  role: MigrationRole,
  state: MigrationRecord['state'],
  digest = '',
): MigrationRecord => {
  const { migrationId, sequence, fromDatastoreId, toDatastoreId, disks } = moveOf(item);
  const ends = { source: fromDatastoreId, destination: toDatastoreId };
  return { vmId: item.id, migrationId, sequence, role, state, ...ends, disks, digest };
};

/** The file of an end's record; with content it is one write, with an id of its own. */
export const recordFile = (
  item: VmItem,
  role: MigrationRole,
  record?: MigrationRecord,
): FileTarget => {
  const { fromDatastoreId, toDatastoreId } = moveOf(item);
  const datastoreId = role === 'source' ? fromDatastoreId : toDatastoreId;
  const file = { datastoreId, path: recordPathOf(item.id) };
  if (record === undefined) return { id: `${item.id}:${role}`, ...file };
  const id = `${item.id}:${role}:${record.state}`;
  return { id, ...file, content: encodeRecord(record) };
};

/** Every id under which files of the item's records are read and written. */
export const recordIds = ({ id }: VmItem): readonly string[] =>
  migrationRoles.flatMap((role) => [
    `${id}:${role}`,
    ...recordStates.map((state) => `${id}:${role}:${state}`),
  ]);

type Records = (item: VmItem) => readonly MigrationRecord[];

const filesOf = (call: StepCall<VmItem>, records: Records): Share<FileTarget>[] =>
  call.items.map((item) => ({
    id: item.id,
    targets: records(item).map((record) => recordFile(item, record.role, record)),
  }));

export const writeRecords = (
  call: StepCall<VmItem>,
  records: Records,
): Promise<readonly Answer[]> => change(call, filesOf(call, records), 'writeFile');

export const settleRecords = (
  call: StepCall<VmItem>,
  records: Records,
): Promise<readonly Settlement[]> => settle(call, filesOf(call, records), 'writeFile');

const recordAt = (call: StepCall<VmItem>, role: MigrationRole): Share<FileTarget>[] =>
  call.items.map((item) => ({ id: item.id, targets: [recordFile(item, role)] }));

export const removeRecord = (
  call: StepCall<VmItem>,
  role: MigrationRole,
): Promise<readonly Answer[]> => change(call, recordAt(call, role), 'removeFile');

export const settleRemoval = (
  call: StepCall<VmItem>,
  role: MigrationRole,
): Promise<readonly Settlement[]> => settle(call, recordAt(call, role), 'removeFile');

const torn = (id: string): Answer => ({
  id,
  fault: fault('corrupt', `the record of ${id} at the destination is torn`, {
    hint: 'It may have said that the migration completed: look at both copies.',
  }),
});

/**
 * The digest that the commit point has left at the destination, per VM; none: not there yet. A
 * fault where nobody can tell.
 */
export const digestsThere = async (
  call: StepCall<VmItem>,
): Promise<ReadonlyMap<string, string | Answer>> => {
  const found = new Map<string, string | Answer>();
  const answers = await call.remote.readFile(
    call.items.map((item) => recordFile(item, 'destination')),
  );
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  for (const item of call.items) {
    const answer = byId.get(recordFile(item, 'destination').id);
    if (answer === undefined) continue;
    if ('fault' in answer) {
      found.set(item.id, { id: item.id, fault: answer.fault });
      continue;
    }
    const record = decodeRecord(answer.value.content);
    if (record === undefined) found.set(item.id, torn(item.id));
    else if (record.migrationId === moveOf(item).migrationId && record.state === 'completed') {
      found.set(item.id, record.digest);
    }
  }
  return found;
};

/** Answers of several calls in a row, each on the items that all the earlier ones have done. */
export const inTurn = async (
  call: StepCall<VmItem>,
  turns: readonly ((call: StepCall<VmItem>) => Promise<readonly Answer[]>)[],
): Promise<readonly Answer[]> => {
  const answers = new Map<string, Answer>();
  let items = call.items;
  for (const turn of turns) {
    if (items.length === 0) break;
    for (const answer of await turn({ ...call, items })) answers.set(answer.id, answer);
    items = items.filter(({ id }) => {
      const answer = answers.get(id);
      return answer !== undefined && 'ok' in answer;
    });
  }
  return call.items.flatMap(({ id }) => answers.get(id) ?? []);
};
