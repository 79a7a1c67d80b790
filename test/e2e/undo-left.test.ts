/**
 * An undo that fails, left by decision, over real bytes and writers: what stands on it is left, the
 * rest goes back, and once the cause is mended a retry brings the remainder back too.
 */
import test from 'ava';
import { Decision, ItemOutcome, RunResult, RunStatus } from '../../sdk/client/index.ts';
import { untilRun } from '../../sdk/testing/index.ts';
import { siteswap } from '../_support/cli.ts';
import {
  countVms,
  placesOf,
  planOver,
  rolesOf,
  startOnFiles,
  unharmed,
  vmIds,
} from '../_support/daemon.ts';

const refused = { effect: 'error', fault: { kind: 'refused', owner: 'array', message: 'no' } };

/** The whole run is rolled back; the source of `g1` stays closed, and vm4 is not started. */
const injections = [
  { name: 'no VM', step: 'register', direction: 'run', verb: 'register', effect: refused },
  {
    name: 'closed',
    step: 'demote-source',
    direction: 'undo',
    verb: 'restoreReplication',
    targets: ['g1'],
    effect: refused,
  },
  {
    name: 'off',
    step: 'shut-down',
    direction: 'undo',
    verb: 'powerOn',
    targets: ['vm4'],
    effect: refused,
  },
];

test.serial(
  'stuck at a demotion, skip: the other group and its VMs go back; mended, retry: all do',
  async (t) => {
    const { daemon, sites } = await startOnFiles(t, { injections });
    const type = (...args: string[]) => siteswap('--address', daemon.address, ...args);
    const policy = 'register=rollback:run';
    // Both groups are demoted by the time that a VM is refused.
    const level = { ...planOver('level'), options: { releaseBatchSize: 2 } };
    await daemon.client.plans.create(level);
    const args = ['run', level.id, '--mode', 'planned', '--policy', policy];
    const ran = await type(...args);
    t.is(ran.exit, 1, ran.err);
    const { runId = '' } = (await daemon.client.runs.list({}).next()).value ?? {};
    t.is((await daemon.client.runs.get(runId)).status, RunStatus.STUCK);

    const skipped = await type('resume', runId, '--decision', 'skip');
    t.is(skipped.exit, 1, skipped.err);
    const stuck = await untilRun(daemon.client, runId, 'stuck');
    t.regex(stuck.attention, /at shut-down/);
    t.deepEqual((await placesOf(sites, 'a')).running, ['vm3']);
    t.deepEqual((await placesOf(sites, 'b')).running, []);
    t.deepEqual(await rolesOf(sites, 'a'), ['d1 read-only outgoing', 'd2 read-write outgoing']);
    const report = await type('report', runId);
    t.regex(report.out, /a\/g1 .*left in place by decision: demote-source is not undone/);
    const { items } = await daemon.client.runs.report(runId);
    const outcomeOf = new Map(items.map(({ itemId, outcome }) => [itemId, outcome]));
    for (const id of ['a/g1', 'vm1', 'vm2', 'vm4']) {
      t.is(outcomeOf.get(id), ItemOutcome.NOT_UNDONE, id);
    }

    await daemon.restart({ injections: [] });
    await daemon.client.runs.resume({ runId, requester: 'ann', decision: Decision.RETRY });
    const ended = await daemon.client.waitForRun(runId);
    t.is(ended.result, RunResult.ROLLED_BACK, ended.attention);
    t.deepEqual((await placesOf(sites, 'a')).running, [...vmIds]);
    t.deepEqual(await countVms(sites, 'a'), unharmed(2));
  },
);
