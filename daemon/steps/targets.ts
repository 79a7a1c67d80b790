/**
 * From items to what a verb takes, and from its answers back to one answer per item. Steps speak of
 * items (canonical ids, both sides); verbs speak of targets at one remote.
 */

import { type Fault, fault, inDoubt } from '../../sdk/plugin/fault.ts';
import type { MigrationStatus } from '../../sdk/plugin/migration.ts';
import type { VmStatus } from '../../sdk/plugin/model.ts';
import {
  type Answer,
  type DatastoreTarget,
  type DeviceStatus,
  type Evidence,
  type GroupTarget,
  isReading,
  type Settlement,
  type SyncStatus,
  type TargetVerb,
  type TargetVerbs,
  type ValueAnswer,
  type VmTarget,
} from '../../sdk/plugin/verbs.ts';
import type { StorageItem, VmItem } from '../core/frozen.ts';
import { encodeOperation } from './operations.ts';
import type { Found, Step, StepCall, UndoCall, VerbCalls } from './step.ts';

type VerbOn<T> = {
  [V in TargetVerb]: TargetVerbs[V] extends { target: T; answer: Answer } ? V : never;
}[TargetVerb];
/** The verbs on VMs that take no arguments. */
type VmVerb = Exclude<VerbOn<VmTarget>, 'migrateLive' | 'mirrorDisks' | 'cutOver' | 'removeDisks'>;
type ArgsOf<V extends TargetVerb> = TargetVerbs[V]['args'];

/** An item with the targets that it stands for at the remote that is called. */
export interface Share<T> {
  readonly id: string;
  readonly targets: readonly T[];
}

const groupOf = (call: StepCall<StorageItem>, item: StorageItem): GroupTarget =>
  call.side === 'protected' ? item.protected : item.recovery;

const groupsOf = (call: StepCall<StorageItem>): Share<GroupTarget>[] =>
  call.items.map((item) => ({ id: item.id, targets: [groupOf(call, item)] }));

const datastoresOf = (call: StepCall<StorageItem>): Share<DatastoreTarget>[] =>
  call.items.map((item) => ({
    id: item.id,
    targets: item.datastores.map((datastore) => ({
      id: datastore.id,
      instance: call.instance,
      devices: call.side === 'protected' ? datastore.protectedDevices : datastore.recoveryDevices,
    })),
  }));

export const vmTarget = (call: StepCall<VmItem>, item: VmItem): VmTarget => ({
  id: item.id,
  instance: call.instance,
  datastoreIds: item.datastoreIds,
});

const vmsOf = (call: StepCall<VmItem>): Share<VmTarget>[] =>
  call.items.map((item) => ({ id: item.id, targets: [vmTarget(call, item)] }));

const unanswered = (id: string): Fault =>
  fault('corrupt', `the plugin gave no answer for ${id}`, { owner: 'plugin' });

/** Every target of the item must have succeeded; a fault in doubt comes first: it is settled. */
export const foldAnswers = (id: string, verb: TargetVerb, answers: readonly Answer[]): Answer => {
  const [only] = answers;
  if (answers.length === 1 && only !== undefined && 'ok' in only) return { ...only, id };
  const evidence: Record<string, Evidence[string]> = {};
  const faults: { id: string; fault: Fault }[] = [];
  const operations: { id: string; operation: string }[] = [];
  for (const answer of answers) {
    if ('fault' in answer) faults.push({ id: answer.id, fault: answer.fault });
    else if ('accepted' in answer) {
      operations.push({ id: answer.id, operation: answer.accepted.operation });
    } else if (answer.evidence !== undefined) Object.assign(evidence, answer.evidence);
  }
  const worst = faults.find((found) => inDoubt(found.fault)) ?? faults[0];
  if (worst !== undefined) {
    if (answers.length === 1) return { id, fault: worst.fault };
    // Operations that go on beside a fault are in doubt: settling finds out what became of them.
    const kind = operations.length > 0 ? 'unknown' : worst.fault.kind;
    const members = [...faults, ...operations].map((part) => part.id);
    return { id, fault: { ...worst.fault, kind, members } };
  }
  if (operations.length > 0) {
    return { id, accepted: { operation: encodeOperation({ verb, targets: operations }) } };
  }
  return Object.keys(evidence).length > 0 ? { id, ok: true, evidence } : { id, ok: true };
};

/** Done when every target is; absent only when none can change any more and one did not happen. */
export const foldSettlements = (id: string, settlements: readonly Settlement[]): Settlement => {
  const evidence: Record<string, Evidence[string]> = {};
  const unknowable = settlements.find((found) => found.verdict === 'unknowable');
  if (unknowable !== undefined) return { ...unknowable, id };
  if (settlements.some((found) => found.verdict === 'running')) return { id, verdict: 'running' };
  if (settlements.some((found) => found.verdict === 'absent')) return { id, verdict: 'absent' };
  for (const found of settlements) {
    if (found.verdict === 'done') Object.assign(evidence, found.evidence);
  }
  return Object.keys(evidence).length > 0
    ? { id, verdict: 'done', evidence }
    : { id, verdict: 'done' };
};

/** A compute that cannot migrate has no migrations, and one that never heard of a VM has none. */
export const knowsNone = ({ kind }: Fault): boolean => kind === 'unsupported' || kind === 'missing';

/** Of an effect that could not be asked about: it is asked again, or a person has to look. */
export const unasked = (id: string, why: Fault): Settlement =>
  inDoubt(why) || why.kind === 'busy'
    ? { id, verdict: 'running' }
    : { id, verdict: 'unknowable', why: why.message };

const byId = <A extends { readonly id: string }>(answers: readonly A[]): Map<string, A> =>
  new Map(answers.map((answer) => [answer.id, answer]));

/** Answers come in the order of what was asked, unless somebody on the way left one out. */
export const answerTo = <A extends { readonly id: string }>(
  answers: readonly A[],
  at: number,
  id: string,
): A | undefined =>
  answers[at]?.id === id ? answers[at] : answers.find((answer) => answer.id === id);

/** Calls `verb` on what each item stands for; an item succeeds only if all of that does. */
export const change = async <V extends TargetVerb>(
  call: StepCall<unknown>,
  shares: readonly Share<TargetVerbs[V]['target']>[],
  verb: V,
  args?: ArgsOf<V>,
  share?: { readonly timeoutMs: number },
): Promise<readonly Answer[]> => {
  const targets = shares.flatMap((share) => share.targets);
  // An item may stand for nothing here (a group without datastores): then nothing is to be done.
  const remote: VerbCalls = call.remote;
  const called = targets.length === 0 ? [] : await remote[verb](targets, args, share);
  const answers = called as readonly Answer[];
  let at = 0;
  return shares.map((share) =>
    foldAnswers(
      share.id,
      verb,
      share.targets.map(({ id }) => answerTo(answers, at++, id) ?? { id, fault: unanswered(id) }),
    ),
  );
};

export const settle = async <V extends TargetVerb>(
  call: StepCall<unknown>,
  shares: readonly Share<TargetVerbs[V]['target']>[],
  verb: V,
  args?: ArgsOf<V>,
): Promise<readonly Settlement[]> => {
  const targets = shares.flatMap((share) => share.targets);
  const settlements = targets.length === 0 ? [] : await call.remote.settle(verb, targets, args);
  const found = byId(settlements);
  return shares.map((share) =>
    foldSettlements(
      share.id,
      share.targets.map(
        ({ id }): Settlement =>
          found.get(id) ?? { id, verdict: 'unknowable', why: unanswered(id).message },
      ),
    ),
  );
};

/** What became of the calls that took a step back: one that goes on, goes on. */
export const settleUndo = async (
  { unit, remote, undoVerbs = [] }: Pick<Step, 'unit' | 'remote' | 'undoVerbs'>,
  call: StepCall<never>,
): Promise<readonly Settlement[]> => {
  const storage = remote === 'array' ? groupsOf : datastoresOf;
  const shares = unit === 'vm' ? vmsOf(call) : storage(call);
  const verbs = undoVerbs.filter((verb) => !isReading(verb));
  const found = await Promise.all(verbs.map((verb) => settle(call, shares, verb)));
  return shares.map(({ id }, at): Settlement => {
    const goesOn = found.some((settled) => settled[at]?.verdict === 'running');
    return { id, verdict: goesOn ? 'running' : 'absent' };
  });
};

/** Calls `verb` on the items' groups at the side that is called. */
export const changeGroups = <V extends VerbOn<GroupTarget>>(
  call: StepCall<StorageItem>,
  verb: V,
  args?: ArgsOf<V>,
): Promise<readonly Answer[]> => change(call, groupsOf(call), verb, args);

export const settleGroups = <V extends VerbOn<GroupTarget>>(
  call: StepCall<StorageItem>,
  verb: V,
  args?: ArgsOf<V>,
): Promise<readonly Settlement[]> => settle(call, groupsOf(call), verb, args);

/** Calls `verb` on all datastores of the items: an item succeeds only if all of its own do. */
export const changeDatastores = (
  call: StepCall<StorageItem>,
  verb: VerbOn<DatastoreTarget>,
): Promise<readonly Answer[]> => change(call, datastoresOf(call), verb);

export const settleDatastores = (
  call: StepCall<StorageItem>,
  verb: VerbOn<DatastoreTarget>,
): Promise<readonly Settlement[]> => settle(call, datastoresOf(call), verb);

export const changeVms = (
  call: StepCall<VmItem>,
  verb: VmVerb,
  share?: { readonly timeoutMs: number },
): Promise<readonly Answer[]> => change(call, vmsOf(call), verb, {}, share);

export const settleVms = (call: StepCall<VmItem>, verb: VmVerb): Promise<readonly Settlement[]> =>
  settle(call, vmsOf(call), verb);

/** The VMs of one workgroup all go to one compute. */
const destination = ({ items }: StepCall<VmItem>) => ({
  toComputeId: items[0]?.toComputeId ?? '',
});

export const migrateVms = (call: StepCall<VmItem>): Promise<readonly Answer[]> =>
  change(call, vmsOf(call), 'migrateLive', destination(call));

export const settleMigrations = (call: StepCall<VmItem>): Promise<readonly Settlement[]> =>
  settle(call, vmsOf(call), 'migrateLive', destination(call));

/** What the compute knows of the VMs' newest migrations. */
export const migrationsOfVms = (
  call: StepCall<VmItem>,
): Promise<readonly ValueAnswer<MigrationStatus>[]> =>
  call.remote.migrationStatus(call.items.map((item) => vmTarget(call, item)));

/** What the compute knows of the VMs now. */
export const statusOfVms = (call: StepCall<VmItem>): Promise<readonly ValueAnswer<VmStatus>[]> =>
  call.remote.vmStatus(call.items.map((item) => vmTarget(call, item)));

/** Device id → direction, per item: what undo of a change of role restores. */
export const findRoles = async (call: StepCall<StorageItem>): Promise<readonly Found[]> =>
  (await statusOfGroups(call)).map((answer) =>
    'fault' in answer
      ? answer
      : {
          id: answer.id,
          value: Object.fromEntries(answer.value.map((device) => [device.id, device.direction])),
        },
  );

/** Restores the roles that `findRoles` found; items of which nothing was found were not changed. */
export const restoreRoles = async (call: UndoCall<StorageItem>): Promise<readonly Answer[]> => {
  const to = {};
  for (const item of call.items) Object.assign(to, call.before[item.id]);
  const changed = call.items.filter((item) => item.id in call.before);
  const answers = byId(
    await changeGroups({ ...call, items: changed }, 'restoreReplication', { to }),
  );
  return call.items.map(({ id }) => answers.get(id) ?? { id, ok: true });
};

/** The devices' states at the side that is called, per item. */
export const statusOfGroups = async (
  call: StepCall<StorageItem>,
): Promise<readonly ValueAnswer<readonly DeviceStatus[]>[]> => {
  const targets = call.items.map((item) => groupOf(call, item));
  const found = byId(await call.remote.deviceStatus(targets));
  return call.items.map((item) => {
    const { id } = groupOf(call, item);
    return { ...(found.get(id) ?? { id, fault: unanswered(id) }), id: item.id };
  });
};

/** How far the groups' syncs are, by the word of the side that is called, per item. */
export const syncsOfGroups = async (
  call: StepCall<StorageItem>,
): Promise<readonly ValueAnswer<SyncStatus>[]> => {
  const targets = call.items.map((item) => groupOf(call, item));
  const found = byId(await call.remote.syncStatus(targets));
  return call.items.map((item) => {
    const { id } = groupOf(call, item);
    return { ...(found.get(id) ?? { id, fault: unanswered(id) }), id: item.id };
  });
};

/** For steps that only look: a call that was cut short left nothing behind. */
export const nothingToSettle = async (
  call: StepCall<{ readonly id: string }>,
): Promise<readonly Settlement[]> => call.items.map(({ id }) => ({ id, verdict: 'absent' }));
