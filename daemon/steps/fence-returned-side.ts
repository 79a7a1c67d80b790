/**
 * Cuts off, at the site that is back after a disaster, whoever writes there in the old lineage, and
 * proves it by a look: from here on the data there stands still.
 *
 * A stretched device was fenced from the side that stays. It is never asked here: this side's fence
 * would cut off the wrong one.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { Answer, DeviceStatus, Settlement, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { runUnlessFree, settleUnlessFree } from './sparing.ts';
import { defineStorageStep, type StepCall } from './step.ts';
import { changeGroups, settleGroups, statusOfGroups } from './targets.ts';

type Looked = ValueAnswer<readonly DeviceStatus[]>;

const judge = (looked: Looked): Answer => {
  if ('fault' in looked) return looked;
  const open = looked.value.filter(({ access }) => access === 'read-write');
  const [first] = open;
  if (first === undefined) return { id: looked.id, ok: true };
  const message = `device ${first.id} still accepts writers of its old lineage`;
  const hint = 'See that its array hears the other one, then try again.';
  const members = open.map(({ id }) => id);
  return { id: looked.id, fault: fault('conflict', message, { hint, members }) };
};

const isStretched = (looked: Looked): boolean =>
  'value' in looked && looked.value.some(({ stretched }) => stretched === true);

const fence = async (call: StepCall<StorageItem>): Promise<readonly Answer[]> => {
  const found = await statusOfGroups(call);
  const plain = new Set(found.filter((looked) => !isStretched(looked)).map(({ id }) => id));
  const items = call.items.filter(({ id }) => plain.has(id));
  const fenced = items.length === 0 ? [] : await changeGroups({ ...call, items }, 'fence');
  const failed = new Map(
    fenced.flatMap((answer) => ('ok' in answer ? [] : [[answer.id, answer] as const])),
  );
  return (await statusOfGroups(call)).map((looked) => failed.get(looked.id) ?? judge(looked));
};

/** A fence that was done and cut nobody off counts as not there: it is tried, and looked at. */
const settleFence = async (call: StepCall<StorageItem>): Promise<readonly Settlement[]> => {
  const settled = await settleGroups(call, 'fence');
  if (!settled.some(({ verdict }) => verdict === 'done')) return settled;
  const looked = await statusOfGroups(call);
  const open = new Set(looked.filter((one) => 'fault' in judge(one)).map(({ id }) => id));
  return settled.map((one) =>
    one.verdict === 'done' && open.has(one.id) ? { id: one.id, verdict: 'absent' } : one,
  );
};

export const fenceReturnedSide = defineStorageStep({
  name: 'fence-returned-side',
  side: 'protected',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['fence', 'deviceStatus'],
  calls: { run: ['fence', 'deviceStatus'], settle: ['fence', 'deviceStatus'] },

  run: runUnlessFree(fence),
  settle: settleUnlessFree(settleFence),
  undo: 'no-return',
  onFault: patient(),
});
