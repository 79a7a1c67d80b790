/** What the step that looks for migrated VMs does with each of them, and what it leaves alone. */
import test from 'ava';
import { adoptMigrated } from '../../daemon/steps/adopt-migrated.ts';
import type { StepCall, Verbs } from '../../daemon/steps/step.ts';
import { type Fault, fault } from '../../sdk/plugin/fault.ts';
import type { MigrationArrival } from '../../sdk/plugin/migration.ts';

type Found = MigrationArrival | undefined | Fault;

interface Rig {
  readonly call: StepCall<never>;
  readonly notes: string[];
}

/** A recovery site that has `found` of each VM, and notes what changes something. */
const rig = (
  found: Readonly<Record<string, Found>>,
  { stillOn = [] as string[], running = '', untouched = '' } = {},
): Rig => {
  const notes: string[] = [];
  const ids = (targets: readonly { readonly id: string }[]) => targets.map(({ id }) => id);
  const change = (verb: string) => async (targets: readonly { readonly id: string }[]) => {
    notes.push(`${verb} ${ids(targets).join(' ')}`);
    return targets.map(({ id }) => ({ id, ok: true }));
  };
  const remote = {
    powerOn: change('powerOn'),
    cancelMigration: change('cancelMigration'),
    vmStatus: async (targets: readonly { readonly id: string }[]) =>
      targets.map(({ id }) => {
        const power = stillOn.includes(id) ? 'on' : 'off';
        return { id, value: { id, registered: false, power } };
      }),
    migrationStatus: async (targets: readonly { readonly id: string }[]) =>
      targets.map(({ id }) => {
        const said = found[id];
        if (said !== undefined && 'kind' in said) return { id, fault: said };
        return { id, value: { state: 'running', ...(said && { arrival: said }) } };
      }),
    settle: async (_: string, targets: readonly { readonly id: string }[]) =>
      targets.map(({ id }) => {
        const verdict = id === untouched ? 'absent' : 'done';
        return { id, verdict: id === running ? 'running' : verdict };
      }),
  };
  const items = Object.keys(found).map((id) => ({ id, on: [0], datastoreIds: ['ds'] }));
  const call = {
    remote: remote as unknown as Verbs,
    items: items as never[],
    side: 'recovery',
    mode: 'disaster',
    instance: 'production',
  } as StepCall<never>;
  return { call, notes };
};

const arrival = (
  vmId: string,
  execution: MigrationArrival['execution'],
  completed = true,
): MigrationArrival => ({
  startedId: 'm',
  placeholder: { vmId, migrationId: 'm' },
  ...(completed && { completedId: 'm' }),
  execution,
});

test('adopt-migrated: one VM of each verdict → only the shell is removed, only the paused go on', async (t) => {
  const { call, notes } = rig({
    moved: arrival('moved', 'running'),
    waits: arrival('waits', 'paused-complete'),
    unclear: arrival('unclear', 'paused-complete', false),
    shell: arrival('shell', 'paused-incoming', false),
    gone: arrival('gone', 'absent'),
    plain: undefined,
    strange: fault('missing', 'not known here'),
    old: fault('unsupported', 'cannot migrate'),
  });
  const answers = await adoptMigrated.run(call);
  t.deepEqual(notes, ['powerOn waits', 'powerOn unclear', 'cancelMigration shell']);
  const said = answers.map((one) => ('ok' in one ? `${one.id} ${one.evidence?.verdict}` : one.id));
  t.deepEqual(said, [
    'moved migrated',
    'waits migrated',
    'unclear ambiguous',
    'shell partial',
    'gone migrated-then-lost',
    'plain never-begun',
    'strange never-begun',
    'old never-begun',
  ]);
});

test('adopt-migrated: a shell that runs after it was removed → conflict, and is not recovered', async (t) => {
  const { call } = rig(
    { shell: arrival('shell', 'paused-incoming', false) },
    { stillOn: ['shell'] },
  );
  const [answer] = await adoptMigrated.run(call);
  t.like(answer, { fault: { kind: 'conflict' } });
});

test('adopt-migrated: the compute does not answer for a VM → its fault, and nothing is done', async (t) => {
  const { call, notes } = rig({ vm: fault('unreachable', 'no answer') });
  t.like((await adoptMigrated.run(call))[0], { fault: { kind: 'unreachable' } });
  t.deepEqual(notes, []);
});

test('adopt-migrated: settled → done where nothing is left to do, absent where it can be repeated', async (t) => {
  const { call } = rig(
    {
      moved: arrival('moved', 'running'),
      shell: arrival('shell', 'paused-incoming', false),
      waits: arrival('waits', 'paused-complete'),
      late: arrival('late', 'running'),
    },
    { running: 'late' },
  );
  const verdicts = (await adoptMigrated.settle(call)).map(({ id, verdict }) => `${id} ${verdict}`);
  t.deepEqual(verdicts, ['moved done', 'shell absent', 'waits absent', 'late running']);
});

test('adopt-migrated: settled, and nobody says where a VM is → asked again, or for a person', async (t) => {
  const silence = fault('unreachable', 'no answer');
  const found = { silent: silence, refused: fault('refused', 'not now'), left: silence };
  const { call } = rig(found, { untouched: 'left' });
  t.deepEqual(await adoptMigrated.settle(call), [
    { id: 'silent', verdict: 'running' },
    { id: 'refused', verdict: 'unknowable', why: 'not now' },
    { id: 'left', verdict: 'absent' },
  ]);
});
