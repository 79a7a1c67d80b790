/**
 * Switches off the VMs that still run at the site that is back after a disaster: they run at the
 * other one, and what these would write is refused. A VM that is not known there does not run.
 */
import type { Answer } from '../../sdk/plugin/verbs.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { changeVms, settleVms } from './targets.ts';

const unlessMissing = (answer: Answer): Answer =>
  'fault' in answer && answer.fault.kind === 'missing' ? { id: answer.id, ok: true } : answer;

export const powerOffReturned = defineVmStep({
  name: 'power-off-returned',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOff'],

  run: async (call) => (await changeVms(call, 'powerOff')).map(unlessMissing),
  settle: (call) => settleVms(call, 'powerOff'),
  undo: 'no-return',
  onFault: patient(),
});
