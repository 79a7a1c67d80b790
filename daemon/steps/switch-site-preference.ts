/**
 * Lets the recovery site be the one that keeps serving a stretched device when the sites lose each
 * other. It comes before the first VM of the device goes over: a VM must never run where its disks
 * would be cut off.
 * Source: US 9,489,273 claim 1.
 *
 * A device that prefers another site than the run was frozen for belongs to somebody else's plan,
 * or to this one the other way round: it is refused while nothing is touched yet.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { Answer, DeviceStatus } from '../../sdk/plugin/verbs.ts';
import type { StorageItem } from '../core/frozen.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineStorageStep, type Found, type StepCall, type UndoCall } from './step.ts';
import { changeGroups, settleGroups, statusOfGroups } from './targets.ts';

/** The items of one run all go to one site. */
const target = ({ items }: StepCall<StorageItem>) => ({
  siteId: items[0]?.preference?.to ?? '',
});

/** Some of a group may be switched already, or all of it, by an attempt that failed. */
const judge = (
  { id, preference }: StorageItem,
  earlier: unknown,
  devices: readonly DeviceStatus[],
): Found => {
  const from = preference?.from ?? '';
  const prefer = (siteId: string) => (device: DeviceStatus) => device.preferredSiteId === siteId;
  if (devices.some(prefer(from))) return { id, value: from };
  if (earlier !== undefined && devices.every(prefer(preference?.to ?? ''))) {
    return { id, value: earlier };
  }
  const odd = devices[0];
  const prefers = odd?.preferredSiteId ?? 'no site that it tells of';
  return {
    id,
    fault: fault('conflict', `device ${odd?.id} prefers ${prefers}, not ${from}`, {
      code: 'SITE_PREFERENCE',
      members: devices.map((device) => device.id),
      hint: `Let it prefer ${from} again, or run its plan the other way round.`,
    }),
  };
};

const findPreferences = async (call: UndoCall<StorageItem>): Promise<readonly Found[]> => {
  const items = new Map(call.items.map((item) => [item.id, item]));
  return (await statusOfGroups(call)).map((answer) => {
    const item = items.get(answer.id);
    if ('fault' in answer || item === undefined) return answer as Found;
    return judge(item, call.before[answer.id], answer.value);
  });
};

/** Items of which nothing was found were not changed. */
const restorePreferences = async (call: UndoCall<StorageItem>): Promise<readonly Answer[]> => {
  const { siteId } = target(call);
  const answers = new Map<string, Answer>();
  for (const found of new Set(Object.values(call.before))) {
    const items = call.items.filter(({ id }) => call.before[id] === found);
    if (found === siteId) continue;
    const restored = { ...call, items };
    for (const answer of await changeGroups(restored, 'setSitePreference', {
      siteId: String(found),
    })) {
      answers.set(answer.id, answer);
    }
  }
  return call.items.map(({ id }) => answers.get(id) ?? { id, ok: true });
};

export const switchSitePreference = defineStorageStep({
  name: 'switch-site-preference',
  paths: ['stretched'],
  side: 'protected',
  remote: 'array',
  timeoutMs: changeMsMax,
  verbs: ['setSitePreference', 'deviceStatus'],
  undoVerbs: ['setSitePreference'],
  calls: { before: ['deviceStatus'] },

  before: findPreferences,
  run: (call) => changeGroups(call, 'setSitePreference', target(call)),
  settle: (call) => settleGroups(call, 'setSitePreference', target(call)),
  undo: restorePreferences,
  onFault: patient(),
});
