/** What stands at the destination of a live migration: enough when its source is gone. */
import { rename } from 'node:fs/promises';
import type { MigrationStatus } from '@siteswap/sdk/plugin';
import test from 'ava';
import { factsOf, judgeArrival } from '../../daemon/core/migration.ts';
import { runningVms } from '../../plugins/files/inspect.ts';
import { type Remote, until, wordOf } from '../_support/files.ts';
import { stretchedSites, vm } from '../_support/files-stretched.ts';

const migrate = (from: Remote, toComputeId = 'cb') => from.done('migrateLive', vm, { toComputeId });

const statusOf = async (remote: Remote): Promise<MigrationStatus> => {
  const answer = await remote.call('migrationStatus', vm);
  if (!('value' in answer)) throw new Error(JSON.stringify(answer));
  return answer.value;
};

test('arrival: gone over, the source is away → all three facts, it runs, and is left alone', async (t) => {
  const { computeA, computeB, compute } = await stretchedSites(t);
  await computeA.done('powerOn', vm);
  t.is(wordOf(await migrate(computeA)), 'ok');
  await rename(compute.a, `${compute.a}.away`);
  t.teardown(() => rename(`${compute.a}.away`, compute.a).catch(() => undefined));
  const { arrival } = await statusOf(computeB);
  t.like(arrival, { execution: 'running', placeholder: { vmId: vm.id } });
  if (arrival === undefined) return;
  t.deepEqual(factsOf(vm.id, arrival), { started: true, placeholder: true, completed: true });
  t.deepEqual(judgeArrival(vm.id, arrival), { verdict: 'migrated', way: 'keep' });
  t.is(wordOf(await computeB.done('cancelMigration', vm)), 'conflict', 'it is no shell');
  await computeB.done('powerOff', vm);
  t.like(judgeArrival(vm.id, (await statusOf(computeB)).arrival), {
    verdict: 'migrated-then-lost',
  });
});

test('arrival: cut off while it came → partial; the shell is removed, then it can start anew', async (t) => {
  const { computeA, computeB, compute } = await stretchedSites(t);
  await computeA.done('powerOn', vm);
  const moving = migrate(computeA);
  await until(async () => (await runningVms(compute.b)).length > 0);
  const [source] = await runningVms(compute.a);
  const [shell] = await runningVms(compute.b);
  if (source === undefined || shell === undefined) return t.pass('it had gone over before');
  process.kill(shell.pid, 'SIGSTOP');
  process.kill(source.pid, 'SIGKILL');
  const { arrival } = await statusOf(computeB);
  const { verdict } = judgeArrival(vm.id, arrival);
  if (arrival?.execution !== 'paused-incoming') {
    process.kill(shell.pid, 'SIGCONT');
    return t.is(verdict, 'migrated');
  }
  t.is(verdict, 'partial');
  t.is(wordOf(await computeB.done('powerOn', vm)), 'conflict', 'never beside a shell');
  t.is(wordOf(await computeB.done('cancelMigration', vm)), 'ok');
  t.deepEqual(await runningVms(compute.b), []);
  t.is(judgeArrival(vm.id, (await statusOf(computeB)).arrival).verdict, 'never-begun');
  await moving;
  t.is(wordOf(await computeB.done('register', vm)), 'ok');
  t.is(wordOf(await computeB.done('powerOn', vm)), 'ok');
});

test('arrival: back where it came from → nothing of it stands at either destination but one', async (t) => {
  const { computeA, computeB } = await stretchedSites(t);
  await computeA.done('powerOn', vm);
  t.is(wordOf(await migrate(computeA)), 'ok');
  t.like(await statusOf(computeA), { departure: 'gone' });
  t.is(wordOf(await migrate(computeB, 'ca')), 'ok');
  t.is((await statusOf(computeB)).arrival, undefined);
  t.like((await statusOf(computeA)).arrival, { execution: 'running' });
});
