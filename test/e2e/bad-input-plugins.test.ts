/** Plugins that throw, talk nonsense, never answer or exit: typed, named, and their own affair. */
import test, { type ExecutionContext } from 'ava';
import {
  CallError,
  ItemOutcome,
  Mode,
  RunEventType,
  RunResult,
  RunStatus,
} from '../../sdk/client/index.ts';
import { failure } from '../_support/api.ts';
import { type LabDaemon, labPlan, startOnLab } from '../_support/daemon-on-lab.ts';

let on: LabDaemon;

test.before(async () => {
  on = await startOnLab({
    misdeeds: [
      { id: 'throws', deed: 'throw', at: 'sync' },
      { id: 'talks', deed: 'nonsense', at: 'sync' },
      { id: 'talks-again', module: 'repeats', deed: 'nonsense', at: 'sync' },
      { id: 'endless', module: 'endless', deed: 'throw', at: 'sync' },
      { id: 'keeps-silent', deed: 'silent', at: 'sync' },
      { id: 'exits', deed: 'exit', at: 'sync' },
      { id: 'throws-early', deed: 'throw', at: 'open' },
      { id: 'talks-early', deed: 'nonsense', at: 'discoverDevices' },
      { id: 'exits-early', deed: 'exit', at: 'discoverDevices' },
      { id: 'no-plugin', module: 'throws-at-import' },
      { id: 'no-module', module: 'is-not-there' },
      { id: 'from-the-future', module: 'other-contract' },
    ],
  });
});
test.after.always(() => on?.close());

const refused = (t: ExecutionContext, call: Promise<unknown>) => failure(t, call, CallError);
const sync = (arrayId: string, deadlineMs = 60_000) =>
  on.daemon.client.replication.sync(
    { arrayId, targets: [{ id: 'cg-0001' }], requester: 'ann' },
    { deadlineMs },
  );

for (const [id, says] of [
  ['throws', /TypeError: the vendor library has a bug/],
  ['talks', /sync of cg-0001: the plugin answered string/],
  ['talks-again', /sync of cg-0001: the plugin answered string/],
] as const) {
  test(`a plugin that ${id} in a verb → the target is in doubt, the plugin is named`, async (t) => {
    const { runId, results } = await sync(id);
    const [{ outcome } = {}] = results;
    t.is(outcome?.$case, 'open', JSON.stringify(outcome));
    const report = await on.daemon.client.runs.report(runId);
    t.is(report.items[0]?.outcome, ItemOutcome.IN_DOUBT);
    t.regex(JSON.stringify(report.items[0]), says);
    t.is(report.items[0]?.fault?.owner, 'FAULT_OWNER_PLUGIN');
  });
}

test('a verb that came out with a fault in doubt → its words where the result is printed', async (t) => {
  const { exit, out } = await on.type('device', 'sync', 'cg-0001', '--array', 'throws');
  t.is(exit, 1);
  t.regex(out, /^cg-0001 +in doubt +unknown \(plugin\): TypeError: the vendor library has a bug/m);
});

test('a plugin that exits in a verb → a crash of that plugin by name, in doubt', async (t) => {
  const { runId } = await sync('exits');
  const run = await on.daemon.client.runs.get(runId);
  t.regex(JSON.stringify(run.notes), /plugin exits ended its thread/);
  t.regex(run.attention, /exits/);
});

// Ahead of the others: one that exits takes its thread's calls along.
test.serial('a plugin that keeps silent → the caller’s deadline, naming the run', async (t) => {
  const error = await refused(t, sync('keeps-silent', 10_000));
  t.is(error.reason, 'DEADLINE');
  const run = await on.daemon.client.runs.get(error.subject);
  t.is(run.mode, Mode.DEVICE);
});

test.serial(
  'a plugin that says running without end → a cancel parks the run all the same',
  async (t) => {
    const request = { arrayId: 'endless', targets: [{ id: 'cg-0001' }], requester: 'ann' };
    const runId = await new Promise<string>((began, failed) => {
      on.daemon.client.replication.sync(request, { began }).catch(failed);
    });
    const { runs } = on.daemon.client;
    for await (const { type } of runs.watch(runId)) {
      if (type === RunEventType.TASK_OUTCOME) break;
    }
    await runs.cancel({ runId, requester: 'ann', reason: 'enough' });
    const run = await on.daemon.client.waitForRun(runId, { deadlineMs: 60_000 });
    t.is(run.status, RunStatus.PARKED);
    const [item] = (await runs.report(runId)).items;
    t.is(item?.outcome, ItemOutcome.IN_DOUBT);
    t.regex(JSON.stringify(item), /it is still under way/);
  },
);

for (const [id, says] of [
  ['throws-early', /throws-early.*vendor library has a bug/],
  ['talks-early', /talks-early.*discoverDevices/],
  ['exits-early', /plugin exits-early ended its thread/],
  ['no-plugin', /no-plugin.*does not load.*the vendor library is missing/],
  ['no-module', /no-module.*does not load.*is-not-there/],
  ['from-the-future', /from-the-future.*contract/],
] as const) {
  test(`plugin ${id} → PLUGIN_FAILED by name, with the way out`, async (t) => {
    const error = await refused(t, sync(id));
    t.like(error, { reason: 'PLUGIN_FAILED', subject: id, owner: 'FAULT_OWNER_PLUGIN' });
    t.regex(error.message, says);
    t.not(error.hint, '');
  });
}

test('plugins: those that do not work are listed with why; the others with their verbs', async (t) => {
  const plugins = new Map(
    (await on.daemon.client.inventory.plugins()).map((plugin) => [plugin.id, plugin]),
  );
  for (const id of ['no-plugin', 'no-module', 'from-the-future']) {
    t.regex(plugins.get(id)?.problem ?? '', new RegExp(id));
  }
  t.is(plugins.get('lab')?.problem, '');
  t.regex((await on.type('plugins')).out, /no-module.*is-not-there/);
  // Said where a person looks first, too, with the way out.
  const { out } = await on.type('arrays');
  t.regex(out, /^no-module .*unreachable.*is-not-there.*Check the module in the plugins section/m);
  const plan = {
    ...labPlan('on-no-module', ['cg-0001']),
    protectionGroups: [{ id: 'all', groups: [{ arrayId: 'no-module', id: 'cg-0001' }] }],
  };
  const error = await refused(t, on.daemon.client.plans.validate(plan));
  t.like(error, { reason: 'PLUGIN_FAILED', subject: 'no-module' });
  t.regex(`${error.message} ${error.hint}`, /no-module.*is-not-there.*Check the module/);
});

test('beside all of them a plan over sound arrays runs', async (t) => {
  const { plans, runs } = on.daemon.client;
  await plans.create(labPlan('good', ['cg-0001']));
  const { runId } = await runs.start({ planId: 'good', mode: Mode.PLANNED, requester: 'ann' });
  t.is((await on.daemon.client.waitForRun(runId)).result, RunResult.SUCCEEDED);
});
