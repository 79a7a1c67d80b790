/**
 * Stops the VMs at the protected site: politely first, by the plug if a guest does not stop in
 * time. A VM that is not proven off never counts as done, because the last bytes are copied next.
 */
import { FaultError, type FaultKind, inDoubt } from '../../sdk/plugin/fault.ts';
import type { Answer, Settlement } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { guestStopMsMax, shutDownMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { startVms } from './start-vms.ts';
import { defineVmStep, type StepCall, type UndoCall } from './step.ts';
import { changeVms, settleVms, statusOfVms } from './targets.ts';

/** The guest cannot or does not stop. Other faults are of the compute: the plug cannot help. */
const guestWillNot: readonly FaultKind[] = ['timeout', 'refused', 'conflict', 'unsupported'];

const runShutDown = async (call: StepCall<VmItem>) => {
  const asked = await changeVms(call, 'shutDown', { timeoutMs: guestStopMsMax });
  const left = new Set(
    asked
      .filter((answer) => 'fault' in answer && guestWillNot.includes(answer.fault.kind))
      .map((answer) => answer.id),
  );
  if (left.size === 0) return asked;
  const stragglers = call.items.filter((item) => left.has(item.id));
  const forced = await changeVms({ ...call, items: stragglers }, 'powerOff');
  const plugOf = new Map(forced.map((answer) => [answer.id, answer]));
  const orders = await ordersOf(call, asked);
  return asked.map((answer) => {
    const plug = plugOf.get(answer.id);
    return plug === undefined ? answer : endOf(answer, plug, orders.get(answer.id));
  });
};

/** What became of the polite orders that timed out, by the word of the compute. */
const ordersOf = async (
  call: StepCall<VmItem>,
  asked: readonly Answer[],
): Promise<ReadonlyMap<string, Settlement>> => {
  const silent = new Set(
    asked.flatMap((answer) =>
      'fault' in answer && answer.fault.kind === 'timeout' ? [answer.id] : [],
    ),
  );
  const items = call.items.filter(({ id }) => silent.has(id));
  try {
    return new Map((await settleVms({ ...call, items }, 'shutDown')).map(byId));
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    // The plug may be pulled by now: what could not be asked is asked when the step is settled.
    return new Map(items.map(({ id }) => byId({ id, verdict: 'running' })));
  }
};

/**
 * The plug is pulled, but a polite order that timed out may still arrive, at a VM that an undo has
 * started again: such a VM stays in doubt until nothing can. Where the plug could not be pulled,
 * the polite order may have stopped it all the same: then it is off, and an undo has to know that.
 */
const endOf = (polite: Answer, plug: Answer, order: Settlement | undefined): Answer => {
  const { id } = polite;
  if (order?.verdict === 'running') return polite;
  if ('ok' in plug) return { ...plug, evidence: { ...plug.evidence, poweredOff: true } };
  const isOver = 'fault' in plug && !inDoubt(plug.fault);
  return isOver && order?.verdict === 'done' ? { id, ok: true } : plug;
};

/**
 * Off is off, whoever did it, but not while an order of ours may still arrive: it would stop the VM
 * that an undo starts again. The plug may have been pulled for any of them: a guest that is said to
 * have stopped may have been too slow to say so.
 */
const settleShutDown = async (call: StepCall<VmItem>): Promise<readonly Settlement[]> => {
  const off = new Set<string>();
  for (const answer of await statusOfVms(call)) {
    if ('value' in answer && answer.value.power === 'off') off.add(answer.id);
  }
  const asked = await settleVms(call, 'shutDown');
  const pulled = new Map((await settleVms(call, 'powerOff')).map(byId));
  return asked.map((settlement) => {
    const { id, verdict } = settlement;
    const plug = pulled.get(id);
    if (verdict === 'running' || plug?.verdict === 'running') return { id, verdict: 'running' };
    if (off.has(id)) return { id, verdict: 'done' };
    return verdict === 'absent' && plug !== undefined ? plug : settlement;
  });
};

const byId = (settlement: Settlement) => [settlement.id, settlement] as const;

const undoShutDown = async (call: UndoCall<VmItem>) => {
  const wasOn = call.items.filter((item) => call.before[item.id] === 'on');
  const answers = await startVms({ ...call, items: wasOn });
  const answerOf = new Map(answers.map((answer) => [answer.id, answer]));
  return call.items.map(({ id }) => answerOf.get(id) ?? { id, ok: true as const });
};

export const shutDown = defineVmStep({
  name: 'shut-down',
  paths: ['cold', 'stretched'],
  side: 'protected',
  remote: 'compute',
  timeoutMs: shutDownMsMax,
  verbs: ['shutDown', 'vmStatus'],
  helpers: ['powerOff', 'powerOn'],
  undoVerbs: ['powerOn', 'vmStatus'],
  calls: {
    before: ['vmStatus'],
    run: ['shutDown', 'powerOff'],
    settle: ['vmStatus', 'shutDown', 'powerOff'],
  },
  gate: 'priority-reversed',

  before: async (call) =>
    (await statusOfVms(call)).map((answer) =>
      'fault' in answer ? answer : { id: answer.id, value: answer.value.power },
    ),
  run: runShutDown,
  settle: settleShutDown,
  undo: undoShutDown,
  onFault: patient(),
});
