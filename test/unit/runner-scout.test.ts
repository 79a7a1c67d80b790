/** Whom a look at a plan asks, and when. */
import test from 'ava';
import { planFor, rig } from '../_support/engine-on-lab.ts';

test('a look asks who was a peer the last time along with its array, not after it', async (t) => {
  const { engine, lab } = await rig({ groups: 1, vms: 1 });
  await engine.createPlan(planFor(1, 1));
  await engine.previewPlan('payroll', 'planned');
  const looksAt = async (id: string) => (await lab.calls(id)).byVerb.discoverDevices ?? 0;
  const before = await looksAt('lab-b');
  await lab.setDown('lab-a', true);
  const error = await t.throwsAsync(engine.previewPlan('payroll', 'planned'));
  t.like(error, { reason: 'REMOTE_UNREACHABLE', subject: 'lab-a' });
  t.is(await looksAt('lab-b'), before + 1);

  await lab.setDown('lab-a', false);
  await lab.setDown('lab-b', true);
  const other = await t.throwsAsync(engine.previewPlan('payroll', 'planned'));
  t.like(other, { reason: 'REMOTE_UNREACHABLE', subject: 'lab-b' });
});
