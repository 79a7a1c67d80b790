/** What the command line says of a site in trouble: the rest, and nothing old as if it were new. */
import test from 'ava';
import { cliOnLab, plan } from '../_support/cli-on-lab.ts';

const linesOf = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

for (const [what, row] of [
  ['vms', /^lab-compute-a +vm-00001 +on/m],
  ['datastores', /^lab-compute-a +ds-0001-1 +mounted/m],
] as const) {
  test(`${what}: one compute down → the other one's are listed, and it is named`, async (t) => {
    const { type, lab } = await cliOnLab(t);
    await lab.setDown('lab-compute-b', true);
    const { exit, out, err } = await type(what);
    t.is(exit, 0);
    t.regex(out, row);
    t.regex(err, /^! lab-compute-b: compute "lab-compute-b": .*does not answer/m);
    const lines = linesOf((await type(what, '--json')).out);
    t.true(lines.some(({ computeId, id }) => computeId === 'lab-compute-a' && id !== undefined));
    const troubled = lines.filter(({ problem }) => problem !== undefined);
    t.like(troubled, [{ computeId: 'lab-compute-b', problem: { reason: 'REMOTE_UNREACHABLE' } }]);
  });

  test(`${what} of a lost site: warned of; recorded ones are listed, never unmarked`, async (t) => {
    const { type, lab } = await cliOnLab(t);
    await type(what);
    await type('site', 'lost', 'site-a', '--reason', 'a drill', '--yes');
    const warning = /^! lab-compute-a: site "site-a" of lab-compute-a is declared lost: it is not/m;
    const problem = { computeId: 'lab-compute-a', problem: { reason: 'SITE_LOST' } };
    const all = await type(what);
    t.is(all.exit, 0);
    t.regex(all.err, warning);
    t.notRegex(all.out, row);
    await lab.setDown('lab-compute-b', true);
    for (const more of [['--compute', 'lab-compute-a'], ['--recorded']]) {
      const { exit, out, err } = await type(what, ...more);
      t.is(exit, 0);
      t.regex(out, row);
      t.regex(err, warning);
      t.notRegex(err, /does not answer/);
      t.like(linesOf((await type(what, ...more, '--json')).out)[0], problem);
    }
  });

  test(`${what}: every compute down, or the only one asked → unavailable`, async (t) => {
    const { type, lab } = await cliOnLab(t);
    await lab.setDown('lab-compute-a', true);
    await lab.setDown('lab-compute-b', true);
    const all = await type(what);
    t.is(all.exit, 4);
    t.regex(all.err, /lab-compute-a.*\n.*lab-compute-b/);
    t.is((await type(what, '--compute', 'lab-compute-b')).exit, 4);
  });
}

test('vms: a compute that is not there → refused as ever', async (t) => {
  const { type } = await cliOnLab(t);
  t.is((await type('vms', '--compute', 'lab-compute-a', 'nobody')).exit, 3);
});

test('devices of a lost site: marked as old, in the list and in the watch', async (t) => {
  const { type, client } = await cliOnLab(t);
  t.regex((await type('devices', '--array', 'lab-a')).out, /^lab-a .* synchronized /m);
  await type('site', 'lost', 'site-a', '--reason', 'a drill', '--yes');
  const { out } = await type('devices', '--array', 'lab-a', '--recorded');
  t.regex(out, /^lab-a +lun-a-0001-1 .* unknown +unknown +unknown \(old\)/m);
  t.notRegex(out, /synchronized/);
  const watch = client.inventory.watchDevices({ arrayIds: ['lab-a'], intervalMs: 1_000 });
  t.like((await watch.next()).value, { devices: [], problem: { error: { reason: 'SITE_LOST' } } });
  const told = (await watch.next()).value;
  t.true((told?.devices.length ?? 0) > 0);
  t.true(told?.devices.every(({ stale, pairState }) => stale && /UNKNOWN/.test(pairState)));
  await watch.return();
});

test('site lost: one that answers → a program says --yes, a person is asked', async (t) => {
  const { type, ask } = await cliOnLab(t);
  const words = ['site', 'lost', 'site-a', '--reason', 'a drill'];
  const silent = await type(...words);
  t.is(silent.exit, 5);
  t.regex(silent.err, /site-a is not declared lost\n +array lab-a of it answered just now/);
  t.regex(silent.err, /next +If it is lost all the same, say so: --yes\./);
  const declined = await ask('no', ...words);
  t.is(declined.exit, 5);
  t.regex(declined.err, /^! array lab-a of it answered just now/);
  t.notRegex((await type('sites')).out, /^site-a .* lost /m);
  t.is((await ask('yes', ...words)).exit, 0);
  t.regex((await type('sites')).out, /^site-a +A +lost /m);
  t.is((await type(...words)).exit, 0, 'nothing speaks against a loss that is declared');
  const own = await type('site', 'lost', 'site-b', '--reason', 'a drill');
  t.regex(own.err, /this daemon stands at site-b itself.*\n +no site is left then/);
});

test('plan validate: a mistyped key, wrong sites and arrays → all in one pass, at lines', async (t) => {
  const { type, write } = await cliOnLab(t);
  const file = await write(
    'p.yaml',
    'id: p\nprotectedSite: site-x\nrecoverySite: site-b\nprotectionGroup:\n' +
      '  - { id: all, groups: [lab-a/cg-0001, lab-z/cg-0002] }\npolicies: { synk: stop }\n',
  );
  const { exit, err } = await type('plan', 'validate', file);
  t.is(exit, 2);
  t.regex(err, /p\.yaml:4:1: protectionGroup: unknown key "protectionGroup"\n.*"protectionGroups"/);
  t.regex(err, /p\.yaml:2:16: protectedSite: there is no site "site-x"/);
  t.regex(err, /p\.yaml:5:\d+: protectionGroups\[0\]\.groups\[1\]: no array "lab-z": /);
  t.regex(err, /p\.yaml:6:\d+: policies\.synk: no step is called "synk"/);
});

test('plan validate: an array down → what apply says, and no place in the file', async (t) => {
  const { type, write, lab } = await cliOnLab(t);
  const file = await write('plan.yaml', plan);
  await lab.setDown('lab-b', true);
  const validated = await type('plan', 'validate', file);
  const applied = await type('plan', 'apply', file);
  t.is(validated.exit, 4);
  t.regex(validated.err, /array "lab-b": lab-b does not answer/);
  t.regex(validated.err, /why +REMOTE_UNREACHABLE/);
  t.notRegex(validated.err, /plan\.yaml:\d|Correct the places/);
  const bare = (err: string) => err.replace(/^ +call .*$/m, '');
  t.is(bare(validated.err), bare(applied.err));
  // What is wrong with the plan is told all the same, whoever else does not answer.
  const wrong = await write('wrong.yaml', plan.replace('site-b', 'site-x'));
  t.is((await type('plan', 'validate', wrong)).exit, 2);
});

test('plan preview of a mode that the plan cannot run now → PLAN_STATE, as run says', async (t) => {
  const { type, write } = await cliOnLab(t);
  await type('plan', 'apply', await write('plan.yaml', plan));
  for (const mode of ['reprotect', 'cleanup', 'fence']) {
    const previewed = await type('plan', 'preview', 'shop', '--mode', mode);
    t.is(previewed.exit, 5, mode);
    t.regex(previewed.err, /plan "shop" is ready: it can run test, planned, disaster/);
    t.regex(previewed.err, /why +PLAN_STATE/);
    t.is((await type('run', 'shop', '--mode', mode)).exit, 5);
  }
});

test('device verbs on a device of a group → which group, and that it is done as a whole', async (t) => {
  const { type } = await cliOnLab(t);
  const { exit, err } = await type('device', 'sync', 'lun-a-0001-1', '--array', 'lab-a');
  t.is(exit, 2);
  t.regex(err, /"lun-a-0001-1" of array "lab-a" belongs to consistency group "cg-0001"/);
  t.regex(err, /name the group, cg-0001/);
});

test('repair of a plan that this journal does not know → its file is stored first', async (t) => {
  const { type } = await cliOnLab(t);
  const { exit, err } = await type('repair', 'shop');
  t.is(exit, 3);
  t.regex(err, /next +Store it first, .*: siteswap plan apply FILE; then siteswap repair shop\./);
});

test('the file of a plan that was turned, to a journal that forgot it → the advice leads on', async (t) => {
  const { type, write } = await cliOnLab(t);
  const file = await write('plan.yaml', plan);
  await type('plan', 'apply', file);
  for (const mode of ['planned', 'reprotect']) {
    t.is((await type('run', 'shop', '--mode', mode)).exit, 0);
  }
  await type('plan', 'delete', 'shop');
  const refused = await type('plan', 'apply', file);
  t.is(refused.exit, 2);
  t.regex(
    refused.err,
    /exchange the plan's sites in its file; if the plan is stored, run reprotect/,
  );
  const { err } = await type('repair', 'shop');
  t.regex(err, /next +Store it first, with its sites exchanged if it is refused for them: /);
  const turned = plan.replace('Site: site-a', 'Site: site-x').replace('site-b', 'site-a');
  const applied = await type(
    'plan',
    'apply',
    await write('turned.yaml', turned.replace('site-x', 'site-b')),
  );
  t.is(applied.exit, 0, applied.err);
  t.regex((await type('repair', 'shop')).out, /there is nothing to adopt/);
  t.is((await type('run', 'shop', '--mode', 'planned')).exit, 0);
});

test('a mode that the plan cannot run now, its old site lost → once that site is back', async (t) => {
  const { type, write } = await cliOnLab(t);
  await type('plan', 'apply', await write('plan.yaml', plan));
  await type('site', 'lost', 'site-a', '--reason', 'a drill', '--yes');
  t.is((await type('run', 'shop', '--mode', 'disaster')).exit, 0);
  const { err } = await type('run', 'shop', '--mode', 'test');
  t.regex(err, /failed-over: it can run reprotect, once site "site-a" is declared reachable\n/);
  t.regex(err, /next +siteswap site reachable site-a --reason …, once it is back\./);
});
