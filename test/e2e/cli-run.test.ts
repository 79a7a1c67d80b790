/** The command line against a real engine over gRPC, on the lab's storage and compute. */
import test from 'ava';
import { cliOnLab, plan } from '../_support/cli-on-lab.ts';

test('inventory: arrays, devices, VMs → tables for people, one JSON per line for programs', async (t) => {
  const { type } = await cliOnLab(t);
  t.regex((await type('plugins')).out, /^lab +lab +\S+ +lab +\d+ +fences, atomic groups/m);
  t.regex((await type('sites')).out, /^site-a +A +reachable/m);
  const { out } = await type('devices', '--array', 'lab-b');
  t.regex(out, /^lab-b +lun-b-0001-1 .*incoming +read-only +synchronized +cg-0001 +lab-a\/lun-a/m);
  t.regex(out, /lab-a\/lun-a-0001-1 +synchronous +\d+ s ago/);
  t.regex((await type('arrays')).out, /^lab-b +site-b +lab +healthy/m);
  t.regex((await type('vms')).out, /^lab-compute-a +vm-00004 +on +production/m);
  t.regex((await type('datastores')).out, /^lab-compute-a +ds-0001-1 +mounted/m);
  const lines = (await type('devices', '--json')).out.trim().split('\n');
  t.deepEqual(lines.map((line) => JSON.parse(line).arrayId).sort(), [
    'lab-a',
    'lab-a',
    'lab-b',
    'lab-b',
  ]);
});

test('plan: wrong ids → the line in the file; right → applied, listed, printed as applied', async (t) => {
  const { type, write } = await cliOnLab(t);
  const bad = await write('bad.yaml', plan.replace('cg-0002', 'cg-0009'));
  for (const command of ['validate', 'apply']) {
    const { exit, err } = await type('plan', command, bad);
    t.is(exit, 2, command);
    t.regex(err, /bad\.yaml:12:14: protectionGroups\[1\]\.groups\[0\]: .*cg-0009/, command);
  }
  const worse = await write(
    'worse.yaml',
    plan.replace('cg-0002', 'cg-0009').replace('priority: 1', 'priority: high'),
  );
  for (const command of ['validate', 'apply']) {
    const { exit, err } = await type('plan', command, worse);
    t.is(exit, 2, command);
    t.regex(err, /worse\.yaml:9:34: protectionGroups\[0\]\.vms\[0\]\.priority: found "high"/);
    t.regex(err, /without these places:\n.*worse\.yaml:12:14: .*cg-0009/, command);
  }
  const file = await write('plan.yaml', plan);
  t.is((await type('plan', 'validate', file)).exit, 0);
  t.is((await type('plan', 'apply', file)).out, 'plan shop created\n');
  t.is((await type('plan', 'apply', file)).out, 'plan shop updated\n');
  t.regex((await type('plan', 'list')).out, /^shop +The web shop +site-a +site-b +found +ready/m);
  const printed = await type('plan', 'get', 'shop');
  const again = await write('again.yaml', printed.out);
  t.is((await type('plan', 'apply', again)).exit, 0);
  t.is((await type('plan', 'get', 'shop')).out, printed.out);
  const preview = (await type('plan', 'preview', 'shop', '--mode', 'planned')).out;
  t.regex(preview, /^planned run of shop {2}site-a → site-b {2}4 VMs on 2 consistency groups$/m);
  t.regex(preview, /dependency +power-on of v2 waits for power-on of v1/);
  t.is((await type('plan', 'delete', 'shop')).exit, 0);
  t.is((await type('plan', 'get', 'shop')).exit, 3);
});

test('run: planned → exit 0, every step told, a report with recovery time and data loss', async (t) => {
  const { type, write, lab } = await cliOnLab(t);
  await type('plan', 'apply', await write('plan.yaml', plan));
  const ran = await type('run', 'shop', '--mode', 'planned', '--key', 'k');
  t.is(ran.exit, 0, ran.out + ran.err);
  for (const step of ['sync', 'promote-target', 'power-on', 'verify']) {
    t.regex(ran.out, new RegExp(`✔ ${step} `), step);
  }
  t.regex(ran.out, /planned failover of shop: succeeded after /);
  const [{ runId }] = JSON.parse((await type('runs', '--json')).out);
  const report = (await type('report', runId)).out;
  t.regex(report, /recovery time +[\d.]+ s\n +data loss +0 s/);
  t.regex(report, /^vm-00004 +VM +web +v3 +done/m);
  t.deepEqual(await lab.verify(), []);
  const again = await type('run', 'shop', '--mode', 'planned', '--key', 'k', '--detach');
  t.is(again.out.trim(), runId);
});

test('run: a policy stops it → exit 1, why, the commands; resume → it ends well', async (t) => {
  const { type, write, lab } = await cliOnLab(t);
  await type('plan', 'apply', await write('plan.yaml', plan));
  await lab.failNext({ verb: 'failover', kind: 'refused', targetIds: ['cg-0002'] });
  const parked = await type(
    ...['run', 'shop', '--mode', 'planned', '--policy', 'promote-target=stop:run'],
  );
  t.is(parked.exit, 1);
  t.regex(parked.out, /s2 promote-target: .*refused \(array or compute\): .*→ stop run/);
  t.regex(parked.out, /siteswap resume \S+ --decision retry {2}try again/);
  const [{ runId }] = JSON.parse((await type('runs', '--open', '--json')).out);
  const resumed = await type('resume', runId);
  t.is(resumed.exit, 0, resumed.out + resumed.err);
  t.regex(resumed.out, /ann decided: retry/);
});

test('watch --json --from → every event behind the cursor, one per line, and the outcome', async (t) => {
  const { type, write } = await cliOnLab(t);
  await type('plan', 'apply', await write('plan.yaml', plan));
  const started = await type('run', 'shop', '--mode', 'test', '--json');
  t.is(started.exit, 0);
  const [{ runId }, ...events] = started.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    events.map(({ cursor }) => cursor),
    events.map((_, at) => at + 1),
  );
  const tail = await type('watch', runId, '--json', '--from', String(events.length - 2));
  t.deepEqual(
    tail.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    events.slice(-2),
  );
});

test('refusals → exit codes by kind, whose it is, and what to do next', async (t) => {
  const { type, write } = await cliOnLab(t);
  await type('plan', 'apply', await write('plan.yaml', plan));
  const disaster = await type('run', 'shop', '--mode', 'disaster');
  t.is(disaster.exit, 5);
  t.regex(disaster.err, /whose engine\n +why +SITE_NOT_LOST\n +next +siteswap site lost site-a/);
  t.is((await type('run', 'nope', '--mode', 'test')).exit, 3);
  t.is((await type('site', 'lost', 'nowhere', '--reason', 'x')).exit, 3);
  t.is((await type('report', 'nope')).exit, 3);
  const lost = await type('site', 'lost', 'site-a', '--reason', 'fire in hall 2', '--yes');
  t.regex(lost.out, /^site-a +A +lost .*ann +fire in hall 2/m);
  t.is((await type('run', 'shop', '--mode', 'disaster')).exit, 0);
});

test('--recorded where nothing is recorded yet → said so, and nobody is asked', async (t) => {
  const { type, lab } = await cliOnLab(t);
  const calls = async () => {
    const ids = ['lab-a', 'lab-b', 'lab-compute-a', 'lab-compute-b'];
    return Promise.all(ids.map((id) => lab.calls(id)));
  };
  const before = await calls();
  for (const what of ['devices', 'vms', 'datastores']) {
    const { out, err } = await type(what, '--recorded');
    t.regex(out + err, /nothing is recorded of lab-\S+ yet, and nobody was asked/, what);
  }
  t.deepEqual(await calls(), before);
});

test('device verbs: one row per target; one that fails → exit 1', async (t) => {
  const { type } = await cliOnLab(t);
  await type('devices');
  const synced = await type('device', 'sync', 'cg-0001', 'cg-0002', '--array', 'lab-a');
  t.is(synced.exit, 0, synced.err);
  t.regex(synced.out, /^cg-0002 +done +data consistent as of .+, says lab-a$/m);
  t.regex((await type('runs')).out, /sync of cg-0001, cg-0002 at lab-a +device +succeeded/);
  const wrong = await type('device', 'sync', 'cg-0001', '--array', 'lab-b');
  t.is(wrong.exit, 1);
  t.regex(wrong.out, /^cg-0001 +failed +conflict \(array or compute\)/m);
  t.regex((await type('device', 'query-sync', 'cg-0001', '--array', 'lab-a')).out, /complete/);
  t.is((await type('device', 'query-sync', 'cg-0001', 'nope', '--array', 'lab-a')).exit, 1);
  t.is(
    (await type('snapshots', 'list', '--array', 'lab-a')).out.trim(),
    'lab-a holds no snapshots',
  );
  const gone = ['remove', 'cg-0001', '--array', 'lab-a', '--name', 'gone'];
  t.regex((await type('snapshots', ...gone)).out, /^cg-0001 +done/m);
});

test('call: any method, loaded at run time → JSON with the contract’s own names', async (t) => {
  const { type } = await cliOnLab(t);
  const sites = JSON.parse((await type('call', 'InventoryService/ListSites')).out);
  t.like(sites.sites[0], { id: 'site-a', lost: false });
  const { out } = await type('call', 'siteswap.v1.InventoryService.DiscoverDevices', '{}');
  const [first] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.is(first.devices[0].sizeBytes, 64 * 2 ** 30);
  t.regex(first.observedTime, /^\d{4}-\d\d-\d\dT/);
  t.regex((await type('call', '--list')).out, /RepairService\/Inspect/);
  const typo = await type('call', 'RunService/GetRun', '{"runid": "nope"}');
  t.regex(typo.err, /no field runid[\s\S]*Did you mean runId/);
  const failed = await type('call', 'RunService/GetRun', '{"run_id": "nope"}');
  t.is(failed.exit, 3);
  t.regex(failed.err, /RUN_NOT_FOUND/);
});
