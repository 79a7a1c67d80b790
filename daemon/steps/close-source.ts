/**
 * Says at the source, too, that the VM has gone, with the digest of what is left there: where the
 * destination's replica lags, the source's is still the newest whole copy, and can be proven to be.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import type { Answer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { digestsThere, recordOf, writeRecords } from './moving.ts';
import { patient } from './policies.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { nothingToSettle } from './targets.ts';

const notCommitted = (id: string): Answer => ({
  id,
  fault: fault('conflict', `the destination of ${id} does not say that the migration completed`, {
    hint: 'Look at its record there; the source is left as it is.',
  }),
});

const run = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const there = await digestsThere(call);
  const ready = call.items.filter(({ id }) => typeof there.get(id) === 'string');
  const written = await writeRecords({ ...call, items: ready }, (item) => [
    recordOf(item, 'source', 'completed', String(there.get(item.id))),
  ]);
  const answers = new Map(written.map((answer) => [answer.id, answer]));
  return call.items.map(({ id }) => {
    const read = there.get(id);
    return answers.get(id) ?? (typeof read === 'object' ? read : notCommitted(id));
  });
};

export const closeSource = defineVmStep({
  name: 'close-source',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['writeFile', 'readFile'],
  calls: { run: ['readFile', 'writeFile'], settle: [] },

  run,
  // Written again it is the same record: a write that arrives late changes nothing.
  settle: nothingToSettle,
  undo: 'no-return',
  onFault: patient(stop('item')),
});
