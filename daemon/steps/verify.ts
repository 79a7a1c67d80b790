/**
 * Proves that the VMs run: registered, on, and, where the compute can tell, with a heartbeat past
 * what the disk held at start. "Not yet" is the fault `busy`, and the policy asks again.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { Instance, VmStatus } from '../../sdk/plugin/model.ts';
import type { Answer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { goOn } from '../core/policy.ts';
import { lookMsMax } from './limits.ts';
import { watchful } from './policies.ts';
import { defineVmStep } from './step.ts';
import { answerTo, nothingToSettle, statusOfVms } from './targets.ts';

const judge = (item: VmItem, status: VmStatus, instance: Instance): Answer => {
  const { id } = item;
  if (!status.registered) return { id, fault: fault('missing', `${id} is not registered`) };
  if (item.leftOff === true) return { id, ok: true };
  if (status.power === 'off') return { id, fault: fault('conflict', `${id} is off again`) };
  const { heartbeat, resumedAt } = status;
  // A test copy may be of any moment, and nobody serves from it: that it runs is enough.
  if (instance === 'production' && heartbeat !== undefined && heartbeat <= (resumedAt ?? 0)) {
    return { id, fault: fault('busy', `${id} is on but has not written a heartbeat yet`) };
  }
  return { id, ok: true };
};

export const verify = defineVmStep({
  name: 'verify',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: lookMsMax,
  verbs: ['vmStatus'],
  calls: { settle: [] },

  run: async (call) => {
    const found = await statusOfVms(call);
    return call.items.flatMap((item, at): Answer | readonly Answer[] => {
      const answer = answerTo(found, at, item.id);
      if (answer === undefined) return [];
      return 'fault' in answer ? answer : judge(item, answer.value, call.instance);
    });
  },
  settle: nothingToSettle,
  undo: 'nothing-to-undo',
  // Nothing comes after it: parking a run in which all is done helps nobody. The report names the
  // VMs that did not prove themselves, and the run ends incomplete.
  onFault: watchful(goOn),
});
