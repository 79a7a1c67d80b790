/** Whole runs on the lab's pairs, shown as one stretched device each. */
import test from 'ava';
import type { Mode } from '../../daemon/core/plan.ts';
import type { Device } from '../../sdk/plugin/index.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const run = async ({ engine }: Rig, mode: Mode) => {
  const asked = { planId: 'payroll', mode, requester: 'tester', requestKey: '', policies: {} };
  const { runId } = await engine.startRun(asked);
  await untilRest(engine, runId);
  return engine.getRun(runId, 'full');
};

const shown = async ({ engine }: Rig, arrayId: string): Promise<readonly Device[]> =>
  (await engine.evidence(arrayId, true)).devices;

/** VM → the newest heartbeat on the device of the first group, at an array. */
const heartbeats = async ({ lab }: Rig, side: 'a' | 'b') =>
  (await lab.contents(`lab-${side}`, `lun-${side}-0001-1`)).heartbeats;

/** Everything that the engine ever wrote or would show. */
const everythingSaid = async ({ engine, journal }: Rig): Promise<string> => {
  const texts: string[] = [];
  for (const { stream } of await journal.streams()) {
    for (const { body } of await journal.read(stream, 1, 10_000)) texts.push(body);
  }
  const reports = await Promise.all(
    (await engine.listRuns({ planId: 'payroll', openOnly: false })).map(({ runId }) =>
      engine.reportRun(runId),
    ),
  );
  return texts.join('\n') + JSON.stringify(reports);
};

test('presented pair: planned, reprotect, back, reprotect → no heartbeat lost, only first ids told', async (t) => {
  const made = await rig({ present: 'pair-as-stretched' });
  await made.engine.createPlan(planFor(2));
  const first = await heartbeats(made, 'a');
  const trail: Record<string, number>[] = [first];
  for (const [mode, side] of [
    ['planned', 'b'],
    ['reprotect', 'b'],
    ['planned', 'a'],
    ['reprotect', 'a'],
  ] as const) {
    const view = await run(made, mode);
    t.is(view.result, 'succeeded', `${mode}: ${view.attention} ${JSON.stringify(view.notes)}`);
    t.deepEqual(await made.lab.verify(), []);
    const before = trail.at(-1) as Record<string, number>;
    const now = await heartbeats(made, side);
    for (const [vm, beat] of Object.entries(before))
      t.true((now[vm] ?? -1) >= beat, `${vm} ${mode}`);
    trail.push(now);
    for (const arrayId of ['lab-a', 'lab-b']) {
      for (const { id, peer, stretched } of await shown(made, arrayId)) {
        t.regex(id, /^lun-a-/);
        t.is(peer?.deviceId, id);
        t.true(stretched);
      }
    }
  }
  t.deepEqual((await everythingSaid(made)).match(/.{40}lun-b-.{20}/gs), null);
});

test('presented pair: the final sync is compared with what its source said once VMs had stopped', async (t) => {
  const made = await rig({ present: 'pair-as-stretched' });
  await made.engine.createPlan(planFor(2));
  t.is((await run(made, 'planned')).result, 'succeeded');
  const said = await everythingSaid(made);
  const compared = [...said.matchAll(/"task-prepared".*"before":\{"0":\{"clockMs":\d+/g)];
  t.is(compared.length, 2);
});

test('presented pair: a test run → touches the passive device and never the active', async (t) => {
  const made = await rig({ present: 'pair-as-stretched' });
  await made.engine.createPlan(planFor(2));
  const before = (await made.lab.snapshot()).devices;
  t.is((await run(made, 'test')).result, 'succeeded');
  const during = (await made.lab.snapshot()).devices;
  t.deepEqual(during['lab-a'], before['lab-a']);
  t.true(during['lab-b']?.['lun-b-0001-1']?.testCopy);
  t.is((await run(made, 'cleanup')).result, 'succeeded');
  t.deepEqual((await made.lab.snapshot()).devices, before);
  const touching = (await made.lab.effects()).filter(({ remoteId }) => remoteId === 'lab-a');
  t.deepEqual(touching, []);
});

test('presented pair: the first site is lost → a disaster run asks it nothing, and promotes', async (t) => {
  const made = await rig({ present: 'pair-as-stretched' });
  await made.engine.createPlan(planFor(2));
  await shown(made, 'lab-a');
  await made.engine.previewPlan('payroll', 'planned');
  await made.lab.loseSite('site-a');
  await made.engine.declareLost('site-a', 'tester', 'fire');
  const before = await made.lab.calls('lab-a');
  const view = await run(made, 'disaster');
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  t.deepEqual(await made.lab.calls('lab-a'), before);
  t.deepEqual((await everythingSaid(made)).match(/.{40}lun-b-.{20}/gs), null);
});

test('presented pair: promote fails at the storage → the fault names the first id', async (t) => {
  const made = await rig({ present: 'pair-as-stretched' });
  await made.engine.createPlan(planFor(1));
  await made.engine.evidence('lab-b', true);
  const asked = { requester: 'tester', requestKey: '', initiatorId: '', args: {} };
  const { runId } = await made.engine.startDeviceRun({
    ...asked,
    verb: 'failover',
    arrayId: 'lab-b',
    targets: [{ id: 'cg-0001', deviceIds: ['lun-a-0001-1'] }],
  });
  await untilRest(made.engine, runId);
  const [item] = (await made.engine.reportRun(runId)).items;
  t.is(item?.fault?.code, 'PEER_NOT_DEMOTED');
  t.regex(item?.fault?.message ?? '', /lun-a-0001-1/);
  t.deepEqual((await everythingSaid(made)).match(/.{40}lun-b-.{20}/gs), null);
});
