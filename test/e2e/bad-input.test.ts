/**
 * Requests that cannot work, against a real daemon: each is refused by an error that names the
 * thing and the way out, and leaves nothing behind.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CallError, Mode, type Mode as Modes, RunResult } from '../../sdk/client/index.ts';
import { untilRun } from '../../sdk/testing/index.ts';
import { failure } from '../_support/api.ts';
import { type LabDaemon, labPlan, startOnLab } from '../_support/daemon-on-lab.ts';

let on: LabDaemon;

test.before(async () => {
  on = await startOnLab({ world: { groups: 3, groupsBack: 1, singles: 1, vmsPerGroup: 2 } });
  await on.daemon.client.plans.create(labPlan('good', ['cg-0001']));
});
test.after.always(() => on?.close());

const refused = (t: ExecutionContext, call: Promise<unknown>) => failure(t, call, CallError);
const start = (planId: string, mode: Modes = Mode.PLANNED) =>
  on.daemon.client.runs.start({ planId, mode, requester: 'ann' });

/** Nothing was stored and no run exists. */
const expectUntouched = async (t: ExecutionContext): Promise<void> => {
  const plans: unknown[] = [];
  for await (const { plan } of on.daemon.client.plans.list()) plans.push(plan?.id);
  t.deepEqual(plans, ['good']);
  for await (const run of on.daemon.client.runs.list({ openOnly: true })) t.fail(run.runId);
};

const plansThatCannotWork: readonly [what: string, plan: object, names: RegExp, field: string][] = [
  ['unknown group', labPlan('p', ['cg-0099']), /cg-0099/, 'protectionGroups[0].groups[0]'],
  ['unknown VM', labPlan('p', ['cg-0001'], ['vm-99999']), /vm-99999/, 'protectionGroups[0].vms[0]'],
  ['VM of another group', labPlan('p', ['cg-0001'], ['vm-00003']), /vm-00003/, 'protectionGroups'],
  [
    'device without a peer',
    labPlan('p', ['lun-a-single-0001']),
    /single.*peer/,
    'protectionGroups',
  ],
  [
    'pair the other way',
    labPlan('p', ['cg-0001', 'cg-0004']),
    /lun-a-0004-1.*site-b.*own/,
    'protection',
  ],
  [
    'unknown site',
    { ...labPlan('p', ['cg-0001']), recoverySiteId: 'mars' },
    /mars.*site-a/,
    'reco',
  ],
  [
    'unknown array',
    {
      ...labPlan('p', []),
      protectionGroups: [{ id: 'pg', groups: [{ arrayId: 'lab-z', id: 'cg-0001' }] }],
    },
    /lab-z/,
    'protectionGroups[0].groups[0]',
  ],
  [
    'VM in two protection groups',
    {
      ...labPlan('p', []),
      protectionGroups: ['cg-0001', 'cg-0002'].map((id) => ({
        id: `pg-${id}`,
        groups: [{ arrayId: 'lab-a', id }],
        vms: { vms: [{ id: 'vm-00001' }] },
      })),
    },
    /vm-00001/,
    'protectionGroups[1].vms[0]',
  ],
  [
    'group in two protection groups',
    {
      ...labPlan('p', []),
      protectionGroups: ['one', 'two'].map((id) => ({
        id,
        groups: [{ arrayId: 'lab-a', id: 'cg-0001' }],
      })),
    },
    /cg-0001.*twice/,
    'protectionGroups[1].groups[0]',
  ],
  [
    'cyclic dependencies',
    {
      ...labPlan('p', []),
      protectionGroups: [
        {
          id: 'pg',
          groups: [{ arrayId: 'lab-a', id: 'cg-0001' }],
          vms: {
            vms: [
              { id: 'vm-00001', dependsOn: ['vm-00002'] },
              { id: 'vm-00002', dependsOn: ['vm-00001'] },
            ],
          },
        },
      ],
    },
    /vm-00001.*vm-00002.*vm-00001/,
    'protectionGroups[0].vms',
  ],
];

for (const [what, plan, names, field] of plansThatCannotWork) {
  test.serial(`plan: ${what} → PLAN_INVALID at its place, nothing stored`, async (t) => {
    const error = await refused(t, on.daemon.client.plans.create(plan));
    t.like(error, { reason: 'PLAN_INVALID', subject: 'p' });
    t.regex(error.message, names);
    t.true(error.violations[0]?.field.startsWith(field), error.violations[0]?.field);
    t.not(error.hint, '');
    await expectUntouched(t);
  });
}

test.serial('plan file: a typo → its line, what was expected, exit 2', async (t) => {
  const file = join(on.directory, 'plan.yaml');
  await writeFile(file, 'id: p\nprotectedSit: site-a\nrecoverySite: site-b\n');
  const { exit, err } = await on.type('plan', 'apply', file);
  t.is(exit, 2);
  t.regex(err, /plan\.yaml:2:\d+: .*protectedSit.*protectedSite/s);
  await expectUntouched(t);
});

test.serial('ids that nobody has → typed, named, and the CLI says where to look', async (t) => {
  const { plans, runs, replication, sites, inventory } = on.daemon.client;
  const sync = (arrayId: string, id: string) =>
    replication.sync({ arrayId, targets: [{ id }], requester: 'ann' });
  const lost = { siteId: 'mars', requester: 'ann', reason: 'x' };
  const calls: [() => Promise<unknown>, string, string][] = [
    [() => start('nope'), 'PLAN_NOT_FOUND', 'nope'],
    [() => plans.preview('nope', Mode.TEST), 'PLAN_NOT_FOUND', 'nope'],
    [() => runs.get('nope'), 'RUN_NOT_FOUND', 'nope'],
    [() => runs.watch('nope').next(), 'RUN_NOT_FOUND', 'nope'],
    [() => runs.report('nope'), 'RUN_NOT_FOUND', 'nope'],
    [() => sync('lab-z', 'cg-0001'), 'REMOTE_NOT_FOUND', 'lab-z'],
    [() => sync('lab-compute-a', 'cg-0001'), 'REMOTE_NOT_FOUND', 'lab-compute-a'],
    [() => sync('lab-a', 'cg-0099'), 'DEVICE_NOT_FOUND', 'cg-0099'],
    [() => sites.declareLost(lost), 'SITE_NOT_FOUND', 'mars'],
    [() => sites.recoveries({ siteId: 'mars' }), 'SITE_NOT_FOUND', 'mars'],
    [() => sites.recoveries({ planId: 'nope' }), 'PLAN_NOT_FOUND', 'nope'],
    [() => inventory.vms({ computeId: 'nope' }).next(), 'REMOTE_NOT_FOUND', 'nope'],
  ];
  for (const [call, reason, subject] of calls) {
    const error = await refused(t, call());
    t.like(error, { reason, subject });
    t.true(error.message.includes(subject), error.message);
    t.not(error.hint, '');
  }
  const { exit, err } = await on.type('run', 'nope', '--mode', 'planned');
  t.is(exit, 3);
  t.regex(err, /nope.*PLAN_NOT_FOUND.*next/s);
  await expectUntouched(t);
});

test.serial(
  'modes that nobody has → INVALID_REQUEST, and the CLI lists those there are',
  async (t) => {
    for (const mode of ['MODE_SIDEWAYS' as Modes, Mode.UNSPECIFIED, Mode.DEVICE]) {
      const error = await refused(t, start('good', mode));
      t.is(error.reason, 'INVALID_REQUEST', mode);
      t.is(error.violations[0]?.field, 'mode');
    }
    const { exit, err } = await on.type('run', 'good', '--mode', 'sideways');
    t.is(exit, 2);
    t.regex(err, /sideways.*planned/s);
    await expectUntouched(t);
  },
);

test.serial('modes that the state forbids → what to run first', async (t) => {
  t.like(await refused(t, start('good', Mode.DISASTER)), { reason: 'SITE_NOT_LOST' });
  t.like(await refused(t, start('good', Mode.REPROTECT)), { reason: 'PLAN_STATE' });
  t.like(await refused(t, start('good', Mode.CLEANUP)), { reason: 'PLAN_STATE' });
  await expectUntouched(t);
});

test.serial(
  'an array that is down → REMOTE_UNREACHABLE by name; up again → it works',
  async (t) => {
    await on.lab.setDown('lab-a', true);
    const stored = await refused(t, start('good'));
    t.like(stored, { reason: 'REMOTE_UNREACHABLE', subject: 'lab-a' });
    t.regex(stored.message, /lab-a/);
    const made = await refused(t, on.daemon.client.plans.create(labPlan('p', ['cg-0002'])));
    t.like(made, { reason: 'REMOTE_UNREACHABLE', subject: 'lab-a' });
    const judged = await refused(t, on.daemon.client.plans.validate(labPlan('p', ['cg-0002'])));
    t.like(judged, { reason: made.reason, subject: 'lab-a', message: made.message });
    await expectUntouched(t);
    await on.lab.setDown('lab-a', false);
    const { problems } = await on.daemon.client.plans.validate(labPlan('p', ['cg-0002']));
    t.deepEqual(problems, []);
  },
);

test.serial(
  'a plan that runs → no second run, change or deletion; then it ends well',
  async (t) => {
    const { plans, runs } = on.daemon.client;
    await on.lab.setOperationMs({ sync: 36_000_000 });
    const { runId } = await start('good');
    const { plan, etag } = await plans.get('good');
    const calls: Promise<unknown>[] = [start('good'), start('good', Mode.TEST)];
    calls.push(plans.delete('good', etag));
    calls.push(plans.update({ ...plan, name: 'other' }, etag));
    for (const call of calls) {
      const error = await refused(t, call);
      t.like(error, { reason: 'PLAN_IN_USE', subject: runId });
      t.regex(error.hint, /disaster/);
    }
    const { obstacles } = await plans.preview('good', Mode.PLANNED);
    t.regex(obstacles[0]?.message ?? '', new RegExp(`run ${runId} .planned. .* is not ended`));
    const stale = await refused(t, plans.update({ ...plan, name: 'other' }, 'stale'));
    t.is(stale.reason, 'PLAN_CHANGED');
    await on.lab.setOperationMs({ sync: 0 });
    await on.lab.setSpeed(1e9);
    t.is((await untilRun(on.daemon.client, runId, 'ended')).result, RunResult.SUCCEEDED);
    t.is((await refused(t, runs.cancel({ runId, requester: 'ann' }))).reason, 'RUN_ENDED');
    t.deepEqual(await on.lab.verify(), []);
  },
);
