/**
 * A storage migration that fails: what stands at the destination is given up only where its own
 * record proves that the VM has not gone there, and is the VM where that says so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { FailureOrder } from '../../plugins/lab/commands.ts';
import { datastoreIdOf } from '../../plugins/lab/control.ts';
import { decodeRecord, recordPathOf } from '../../sdk/plugin/migration-record.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const vmId = 'vm-00001';
const requester = 'tester';
const ends = { from: datastoreIdOf(1, 1), to: datastoreIdOf(2, 1) };

const moved = async (order: FailureOrder): Promise<Rig & { runId: string }> => {
  const made = await rig({ groups: 2, vms: 1 });
  await made.engine.createPlan(planFor(2, 1));
  await made.lab.failNext(order);
  const moves = [{ vmId, fromDatastoreId: '', toDatastoreId: ends.to }];
  const asked = { computeId: 'lab-compute-a', moves, requester, requestKey: '' };
  const { runId } = await made.engine.startStorageMigration(asked);
  await untilRest(made.engine, runId);
  return { ...made, runId };
};

const at = (end: 'from' | 'to') => `lun-a-000${end === 'from' ? 1 : 2}-1`;

const recordAt = async ({ lab }: Rig, end: 'from' | 'to') => {
  const { files } = await lab.contents('lab-a', at(end));
  return decodeRecord(files[recordPathOf(vmId)] ?? '')?.state ?? 'none';
};

const rolledBack = async (made: Rig & { runId: string }) => {
  const { engine, runId } = made;
  await engine.resumeRun(runId, { requester, decision: 'rollback', policies: {} });
  const status = async () => (await engine.getRun(runId, 'basic')).status;
  while ((await status()) === 'rolling-back') await sleep(5);
  return status();
};

test('cut-over: said to be refused, and done → done, and the source is closed and removed', async (t) => {
  const made = await moved({ verb: 'cutOver', kind: 'refused', effect: 'done' });
  const view = await made.engine.getRun(made.runId, 'full');
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  t.is(await recordAt(made, 'to'), 'completed');
  t.is(await recordAt(made, 'from'), 'none');
});

test('undo: refused before the commit point → rolled back, and nothing is left at the destination', async (t) => {
  const made = await moved({ verb: 'mirrorDisks', kind: 'refused' });
  t.is((await made.engine.getRun(made.runId, 'basic')).status, 'parked');
  t.is(await recordAt(made, 'to'), 'in-progress');
  t.is(await rolledBack(made), 'ended');
  t.is(await recordAt(made, 'to'), 'none');
  t.is(await recordAt(made, 'from'), 'aborted');
});

test('undo: the record at the destination is torn → the run is stuck, and both copies are left', async (t) => {
  const made = await moved({ verb: 'mirrorDisks', kind: 'refused' });
  await made.lab.tearRecord('lab-a', at('to'), vmId);
  t.is(await rolledBack(made), 'stuck');
  const { attention, notes } = await made.engine.getRun(made.runId, 'full');
  t.regex(`${attention} ${JSON.stringify(notes)}`, /is torn/);
  t.deepEqual(await made.lab.effects('removeDisks'), []);
  t.is(await recordAt(made, 'from'), 'in-progress');
});

test('start: a test of the same VM is parked → refused, and naming the run', async (t) => {
  const { engine, lab } = await rig({ groups: 2, vms: 1 });
  await engine.createPlan(planFor(2, 1));
  await lab.failNext({ verb: 'testFailoverStart', kind: 'refused' });
  const asked = { planId: planFor(2, 1).id, mode: 'test', requester, requestKey: '' } as const;
  const { runId } = await engine.startRun({ ...asked, policies: {} });
  await untilRest(engine, runId);
  const moves = [{ vmId, fromDatastoreId: '', toDatastoreId: ends.to }];
  const move = { computeId: 'lab-compute-a', moves, requester, requestKey: '' };
  const error = await t.throwsAsync(engine.startStorageMigration(move));
  t.regex(error.message, new RegExp(`in the hands of run ${runId} \\(test`));
});
