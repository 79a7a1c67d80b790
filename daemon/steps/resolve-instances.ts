/**
 * Chooses, where a VM's files stand in several recovered datastores, which of them is the VM,
 * before anything is registered: from the datastores alone, by the table of `core/instances`. A VM
 * of which there is one copy and no record, as of nearly every one, costs its share of one look.
 * Source: US 9,417,976 claim 1.
 */
import { type Fault, fault } from '../../sdk/plugin/fault.ts';
import type { FoundInstance } from '../../sdk/plugin/model.ts';
import type { Answer, Evidence, ValueAnswer, VmTarget } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import {
  isPlain,
  type Resolution,
  resolveInstances as resolve,
} from '../core/instances/resolve.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { nothingToSettle, vmTarget } from './targets.ts';

type Found = ValueAnswer<readonly FoundInstance[]>;

/** Datastores with a copy, and what each record says, in the order of their names. */
const copiesOf = (found: readonly FoundInstance[]): string =>
  found
    .map(({ datastoreId }) => datastoreId)
    .sort()
    .join(', ');

const refusal = (id: string, why: string, found: readonly FoundInstance[]): Fault =>
  fault('conflict', `${id}: ${why} (copies in ${copiesOf(found)})`, {
    owner: 'engine',
    code: 'INSTANCE_UNRESOLVED',
    hint: 'Look at the copies; remove the record or the copy that is wrong, and resume.',
  });

const told = (
  { datastoreIds, why, warnings }: Extract<Resolution, { kind: 'chosen' }>,
  found: readonly FoundInstance[],
): Evidence => {
  const kept = found.filter(({ datastoreId }) => !datastoreIds.includes(datastoreId));
  return {
    instance: datastoreIds.join(', '),
    instanceWhy: why,
    ...(kept.length === 0 ? {} : { instancesKept: copiesOf(kept) }),
    ...(warnings.length === 0 ? {} : { instanceWarning: warnings.join(', ') }),
  };
};

/** Looks once; and once more, with digests, at those of which the choice hangs on them. */
const look = async (call: StepCall<VmItem>): Promise<ReadonlyMap<string, Found>> => {
  const targets = call.items.map((item) => vmTarget(call, item));
  const found = new Map((await call.remote.findInstances(targets)).map((one) => [one.id, one]));
  const unproven = targets.filter(({ id }) => {
    const answer = found.get(id);
    if (answer === undefined || 'fault' in answer || isPlain(answer.value)) return false;
    return resolve(id, answer.value).kind === 'unproven';
  });
  if (unproven.length === 0) return found;
  for (const answer of await call.remote.findInstances(unproven, { digests: true })) {
    found.set(answer.id, answer);
  }
  return found;
};

/**
 * One copy, where a compute was last heard to have it, and this one has no other in mind, as after
 * a migration that its site forgot: nobody needs to be told.
 */
const isWhereExpected = (found: readonly FoundInstance[], { datastoreIds }: VmItem): boolean =>
  isPlain(found) &&
  found.length === datastoreIds.length &&
  found.every(({ datastoreId, chosen }) => chosen !== false && datastoreIds.includes(datastoreId));

/** What can be said of a VM by now; the target that a choice still has to be told to. */
const judge = (
  item: VmItem,
  answer: Found | undefined,
  target: VmTarget,
): Answer | { readonly target: VmTarget; readonly evidence: Evidence } => {
  const { id } = item;
  if (answer === undefined || 'fault' in answer) {
    // A compute that cannot move disks has no copies to choose from.
    if (answer?.fault.kind === 'unsupported') return { id, ok: true };
    return answer ?? { id, fault: fault('corrupt', `no answer for ${id}`, { owner: 'plugin' }) };
  }
  // A VM that no mounted datastore holds is `register`'s to refuse, in the compute's own words.
  if (answer.value.length === 0 || isWhereExpected(answer.value, item)) return { id, ok: true };
  const resolution = resolve(id, answer.value);
  if (resolution.kind !== 'chosen') {
    const why = resolution.kind === 'refused' ? resolution.why : 'its disks could not be read';
    return { id, fault: refusal(id, why, answer.value) };
  }
  const chosen = { ...target, datastoreIds: resolution.datastoreIds };
  return { target: chosen, evidence: told(resolution, answer.value) };
};

const run = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const found = await look(call);
  const judged = call.items.map((item) => judge(item, found.get(item.id), vmTarget(call, item)));
  const choices = judged.flatMap((one) => ('target' in one ? [one] : []));
  if (choices.length === 0) return judged.flatMap((one) => ('target' in one ? [] : [one]));
  const answers = await call.remote.chooseInstance(choices.map(({ target }) => target));
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  return judged.flatMap((one): readonly Answer[] => {
    if (!('target' in one)) return [one];
    const answer = byId.get(one.target.id);
    if (answer === undefined || !('ok' in answer)) return answer === undefined ? [] : [answer];
    return [{ ...answer, evidence: { ...answer.evidence, ...one.evidence } }];
  });
};

export const resolveInstances = defineVmStep({
  name: 'resolve-instances',
  paths: ['cold', 'stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['findInstances', 'chooseInstance'],
  calls: { run: ['findInstances', 'chooseInstance'], settle: [] },
  optional: true,

  run,
  // The same look gives the same choice, and telling it again changes nothing.
  settle: nothingToSettle,
  undo: 'nothing-to-undo',
  onFault: patient(stop('item')),
});
