/** What is said against declaring a site lost, and that nothing of it refuses the word. */
import test from 'ava';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { rig } from '../_support/engine-on-lab.ts';

const own = 'this daemon stands at site-b itself, and it answers';
const noneLeft = 'no site is left then: every call will be refused';

test('loss: arrays that answer, the daemon’s own site, the last site → each is said', async (t) => {
  const { engine, lab } = await rig();
  const said = async (siteId: string, asks = true) =>
    (await engine.lossWarnings(siteId, asks)).map(({ message }) => message);
  const [answers, ...none] = await said('site-a');
  t.regex(answers ?? '', /^array lab-a of it answered just now: .*two writers$/);
  t.deepEqual(none, []);
  t.is((await said('site-b'))[0], own);
  await lab.setDown('lab-a', true);
  t.deepEqual(await said('site-a'), []);
  await engine.declareLost('site-a', 'ann', 'fire');
  t.deepEqual(await said('site-a'), []);
  t.deepEqual((await said('site-b')).slice(0, 2), [own, noneLeft]);
  t.true((await engine.declareLost('site-b', 'ann', 'fire there too')).lost);
});

test('loss: nobody is asked unless it is wanted; what was heard lately counts', async (t) => {
  const { engine, lab } = await rig();
  const calls = await lab.calls('lab-a');
  t.deepEqual(await engine.lossWarnings('site-a', false), []);
  t.deepEqual(await lab.calls('lab-a'), calls);
  await engine.evidence('lab-a', true, true);
  await lab.setDown('lab-a', true);
  const [heard] = await engine.lossWarnings('site-a', false);
  t.regex(heard?.message ?? '', /^array lab-a of it answered within the last minute: /);
});

test('loss: of a site that there is not → SITE_NOT_FOUND', async (t) => {
  const { engine } = await rig();
  const refused = engine.lossWarnings('site-c', true);
  t.is((await t.throwsAsync(refused, { instanceOf: SiteswapError })).reason, 'SITE_NOT_FOUND');
});
