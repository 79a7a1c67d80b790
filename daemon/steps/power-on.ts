/**
 * Starts the VMs, by priority and after those that they depend on. The first writer at the recovery
 * side is the point of no return: from here the way back is a reprotect and a failback.
 */

import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { startVms } from './start-vms.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { settleVms } from './targets.ts';

const toStart = (call: StepCall<VmItem>): StepCall<VmItem> => ({
  ...call,
  items: call.items.filter(({ leftOff }) => leftOff !== true),
});

/** Whoever reads the report learns it, however the step came to its end. */
const spared = { leftOff: true } as const;

export const powerOn = defineVmStep({
  name: 'power-on',
  paths: ['cold', 'stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOn'],
  helpers: ['vmStatus'],
  calls: { run: ['powerOn', 'vmStatus'] },
  gate: 'priority',
  dependencies: true,

  run: async (call) => {
    const answers = new Map((await startVms(toStart(call))).map((answer) => [answer.id, answer]));
    return call.items.map(({ id }) => answers.get(id) ?? { id, ok: true, evidence: spared });
  },
  settle: async (call) => {
    const settled = new Map(
      (await settleVms(toStart(call), 'powerOn')).map((one) => [one.id, one]),
    );
    return call.items.map(({ id }) => settled.get(id) ?? { id, verdict: 'done', evidence: spared });
  },
  undo: 'no-return',
  onFault: patient(stop('item')),
});
