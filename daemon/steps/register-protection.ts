/** Proves that every pair flows the new way: only then do the plan's sites change places. */
import { fault } from '../../sdk/plugin/fault.ts';
import type { PairState } from '../../sdk/plugin/model.ts';
import type { Answer, DeviceStatus } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { lookMsMax } from './limits.ts';
import { watchful } from './policies.ts';
import { defineStorageStep } from './step.ts';
import { nothingToSettle, statusOfGroups } from './targets.ts';

/** `unsynchronized` is where an asynchronous pair stands between two syncs. */
const protecting: readonly PairState[] = ['synchronized', 'unsynchronized'];
const coming: readonly PairState[] = ['initialized', 'restored'];

/** The preferred site is the one to be protected now: the other way round nothing would be. */
const judgePreference = (item: StorageItem, devices: readonly DeviceStatus[]): Answer => {
  const { id, preference } = item;
  const odd = devices.find(({ preferredSiteId }) => preferredSiteId !== preference?.to);
  if (preference === undefined || odd === undefined) return { id, ok: true };
  const prefers = odd.preferredSiteId ?? 'no site that it tells of';
  const message = `device ${odd.id} prefers ${prefers}, not ${preference.to}`;
  return { id, fault: fault('conflict', message, { code: 'SITE_PREFERENCE', members: [odd.id] }) };
};

const judge = (item: StorageItem, devices: readonly DeviceStatus[]): Answer => {
  const { id } = item;
  const bad = devices.filter(
    (device) =>
      !(device.direction === 'outgoing' || device.direction === 'stretched') ||
      !protecting.includes(device.pairState),
  );
  const first = bad[0];
  if (first === undefined) return judgePreference(item, devices);
  const kind = bad.every((device) => coming.includes(device.pairState)) ? 'busy' : 'conflict';
  const message = `device ${first.id} is ${first.direction} and ${first.pairState}`;
  return { id, fault: fault(kind, message, { members: bad.map((device) => device.id) }) };
};

export const registerProtection = defineStorageStep({
  name: 'register-protection',
  side: 'recovery',
  remote: 'array',
  timeoutMs: lookMsMax,
  verbs: ['deviceStatus'],
  calls: { settle: [] },

  run: async (call) =>
    (await statusOfGroups(call)).map((answer, at) =>
      'fault' in answer ? answer : judge(call.items[at] as StorageItem, answer.value),
    ),
  settle: nothingToSettle,
  undo: 'nothing-to-undo',
  onFault: watchful(stop()),
});
