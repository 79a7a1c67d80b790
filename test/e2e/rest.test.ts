/**
 * A disaster run that could not bring all: a replica had rotted. Once its site is back, the replica
 * is repaired and a planned run brings what was left, around the rest; then home.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { stopVms } from '@siteswap/plugin-files/inspect';
import test from 'ava';
import {
  DivergedChoice,
  Mode,
  PlanState,
  PolicyActionType,
  RunResult,
} from '../../sdk/client/index.ts';
import { countVms, type FilesDaemon, placesOf, startOnFiles, vmIds } from '../_support/daemon.ts';
import { lose } from '../_support/lost-site.ts';

const said = { siteId: 'site-a', requester: 'ann', reason: 'fire' };
const g2 = { id: 'g2', devices: ['d2'] };

const rot = async ({ sites }: FilesDaemon): Promise<void> => {
  const image = await open(join(sites.directory.b, 'groups', 'g2', 'devices', 'r2.img'), 'r+');
  await image.write(Buffer.alloc(4_096, 7), 0, 4_096, 256 * 1_024);
  await image.close();
};

test('a disaster run left a group that had rotted, its site is back → repaired, brought, home', async (t) => {
  const on = await startOnFiles(t);
  const { client } = on.daemon;
  const ended = async (mode: Mode, more: object = {}) => {
    const wanted = { planId: 'move', mode, requester: 'ann', ...more };
    return client.waitForRun((await client.runs.start(wanted)).runId);
  };
  const stateNow = async () => (await client.plans.get('move')).state;
  await rot(on);
  const site = await lose(t, on);
  await client.sites.declareLost(said);
  const goOn = { rules: [], otherwise: { type: PolicyActionType.CONTINUE } };
  const lost = await ended(Mode.DISASTER, { policies: { 'promote-target': goOn } });
  t.is(lost.result, RunResult.INCOMPLETE);
  t.true(
    lost.notes.some(({ fault }) => fault?.message.includes('r2')),
    'the rot is named',
  );
  t.deepEqual((await placesOf(on.sites, 'b')).running, ['vm1', 'vm2']);

  await site.restore();
  await client.sites.declareReachable({ ...said, reason: 'power is back' });
  t.is((await ended(Mode.FENCE)).result, RunResult.SUCCEEDED);
  t.is(await stateNow(), PlanState.PARTLY_FAILED_OVER);
  const [left] = await client.sites.recoveries({ planId: 'move' });
  t.regex(left?.nextActions[0] ?? '', /Bring over what is left: .* --mode planned/);
  await on.sites.a.done('resync', g2, { changes: 'keep' });

  const rest = await ended(Mode.PLANNED);
  t.is(rest.result, RunResult.SUCCEEDED, `${rest.attention} ${JSON.stringify(rest.notes)}`);
  t.is(await stateNow(), PlanState.FAILED_OVER);
  t.deepEqual((await placesOf(on.sites, 'b')).running, [...vmIds]);
  t.deepEqual((await placesOf(on.sites, 'a')).running, []);
  for (const { vmId, doubleWriters } of await countVms(on.sites, 'b')) t.is(doubleWriters, 0, vmId);

  await stopVms(on.sites.compute.b);
  const home = await ended(Mode.REPROTECT, { diverged: DivergedChoice.DISCARD });
  t.is(home.result, RunResult.SUCCEEDED, `${home.attention} ${JSON.stringify(home.notes)}`);
  t.is(await stateNow(), PlanState.READY);
});
