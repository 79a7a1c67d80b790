/** `device resync`, with real bytes: what it mends, and whom it never overwrites. */
import { checksumOfDevice, stopVms } from '@siteswap/plugin-files/inspect';
import test from 'ava';
import {
  CallError,
  DivergedChoice,
  Mode,
  RunResult,
  type SiteswapClient,
} from '../../sdk/client/index.ts';
import type { DaemonConfig } from '../../sdk/testing/index.ts';
import { failure } from '../_support/api.ts';
import { siteswap } from '../_support/cli.ts';
import { filesConfig, groups, placesOf, startOnFiles, vmIds } from '../_support/daemon.ts';
import { scribble } from '../_support/files.ts';

type On = Awaited<ReturnType<typeof startOnFiles>>;

const at = (arrayId: string) => ({ arrayId, targets: [{ id: 'g1' }], requester: 'ann' });

/** The one target's outcome. */
const told = async (call: Promise<{ readonly results: readonly { outcome?: unknown }[] }>) =>
  (await call).results[0]?.outcome as
    | { $case: 'success' }
    | { $case: 'fault'; value: { kind: string; hint: string } }
    | undefined;

const snapshots = async ({ daemon }: On, arrayId: string): Promise<readonly string[]> => {
  const [found] = await daemon.client.replication.listSnapshots(at(arrayId));
  if (found?.outcome?.$case !== 'snapshots') throw new Error(JSON.stringify(found));
  return found.outcome.value.snapshots.map(({ name }) => name);
};

const runsOf = async (
  client: SiteswapClient,
  filter: { readonly openOnly?: boolean },
): Promise<readonly string[]> => {
  const ids: string[] = [];
  for await (const { runId } of client.runs.list(filter)) ids.push(runId);
  return ids;
};

const same = async ({ sites: { directory } }: On): Promise<boolean> => {
  const sums = [
    await checksumOfDevice({ directory: directory.a, groupId: 'g1' }, 'd1'),
    await checksumOfDevice({ directory: directory.b, groupId: 'g1' }, 'r1'),
  ];
  return sums[0] === sums[1];
};

for (const [word, diverged, left] of [
  ['without a choice', DivergedChoice.UNSPECIFIED, 1],
  ['keep', DivergedChoice.KEEP, 1],
  ['discard', DivergedChoice.DISCARD, 0],
] as const) {
  test.serial(`a damaged replica, ${word} → the fault names the way, and it mends`, async (t) => {
    const on = await startOnFiles(t);
    const { replication } = on.daemon.client;
    t.is((await told(replication.sync(at('a'))))?.$case, 'success');
    await scribble(on.sites.directory.b, 'r1', 2);
    const refused = await told(replication.testFailoverStart(at('b')));
    t.true(refused?.$case === 'fault' && refused.value.kind === 'FAULT_KIND_CORRUPT');
    t.regex(JSON.stringify(refused), /siteswap device resync g1 --array a/);
    const outcome = await told(replication.resync({ ...at('a'), diverged }));
    t.is(outcome?.$case, 'success', JSON.stringify(outcome));
    t.is((await snapshots(on, 'b')).length, left);
    t.is((await told(replication.testFailoverStart(at('b'))))?.$case, 'success');
    t.deepEqual((await placesOf(on.sites, 'a')).running, [...vmIds], 'VMs did not notice');
    await stopVms(on.sites.compute.a);
    t.is((await told(replication.sync(at('a'))))?.$case, 'success');
    t.true(await same(on));
  });
}

test.serial(
  'a test meets a damaged replica → what to do is said, and what is said helps',
  async (t) => {
    const on = await startOnFiles(t);
    const { client } = on.daemon;
    const command = (...words: readonly string[]) =>
      siteswap('--address', on.daemon.address, ...words);
    await command('device', 'sync', 'g1', '--array', 'a');
    await scribble(on.sites.directory.b, 'r1', 2);
    const failed = await command('run', 'move', '--mode', 'test');
    t.is(failed.exit, 1);
    const [, hint = ''] = failed.out.match(/^ {2}Copy it anew: siteswap (.*)\.$/m) ?? [];
    const early = await command(...hint.split(' '));
    t.regex(early.err, /in the hands of run .*: wait until that run has ended; where it waits/);
    const [open] = await runsOf(client, { openOnly: true });
    await command('resume', open ?? '', '--decision', 'skip');
    t.is((await command('run', 'move', '--mode', 'cleanup')).exit, 0);
    const mended = await command(...hint.split(' '));
    t.is(mended.exit, 0, `${mended.out}${mended.err}`);
    const tested = await command('run', 'move', '--mode', 'test');
    t.is(tested.exit, 0, `${tested.out}${tested.err}`);
  },
);

for (const present of [undefined, 'pair-as-stretched'] as const) {
  const shown = present ?? 'as they are';
  test.serial(`VMs on what would be overwritten, pairs ${shown} → refused by name`, async (t) => {
    const on = await startOnFiles(t, {}, groups, (sites) => {
      const [a, b] = filesConfig(sites).arrays as [object, object];
      const as = present && { present, peer: 'b' };
      return { arrays: [{ ...a, ...as }, b] } as Partial<DaemonConfig>;
    });
    const { client } = on.daemon;
    const refused = await failure(t, client.replication.resync(at('b')), CallError);
    t.is(refused.reason, 'RUN_REFUSED');
    t.regex(refused.message, /vm1.* at site "site-a" on the other end of "g1".* call a instead/);

    const order = { planId: 'move', mode: Mode.PLANNED, requester: 'ann' };
    const { runId } = await client.runs.start(order);
    t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);
    const after = await failure(t, client.replication.resync(at('a')), CallError);
    t.is(after.reason, 'RUN_REFUSED');
    t.regex(after.message, /vm1.* at site "site-b"/);
    t.deepEqual((await placesOf(on.sites, 'b')).running, [...vmIds]);
  });
}

test.serial('the other end’s site is lost, or a choice unknown → nothing begins', async (t) => {
  const on = await startOnFiles(t);
  const { client } = on.daemon;
  await client.sites.declareLost({ siteId: 'site-b', requester: 'ann', reason: 'fire' });
  const lost = await failure(t, client.replication.resync(at('a')), CallError);
  t.deepEqual([lost.reason, lost.subject], ['SITE_LOST', 'site-b']);
  const unknown = { ...at('a'), diverged: 'maybe' as DivergedChoice };
  const refused = await failure(t, client.replication.resync(unknown), CallError);
  t.is(refused.reason, 'INVALID_REQUEST');
  t.deepEqual(await runsOf(client, {}), []);
});
