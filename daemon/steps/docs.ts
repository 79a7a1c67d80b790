/**
 * The page `docs/steps.md`. What a step calls is not written down a second time: each step is run
 * here against a remote that only takes notes, so the page cannot say what the code does not do.
 */
import { fault } from '../../sdk/plugin/fault.ts';
import { encodeRecord } from '../../sdk/plugin/migration-record.ts';
import { computeVerbs, isReading, storageVerbs, type TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { StorageItem, VmItem } from '../core/frozen.ts';
import { isOfTests, type Mode, modes } from '../core/plan.ts';
import type { Policy, PolicyAction } from '../core/policy.ts';
import { deviceSteps } from './device.ts';
import { passing } from './policies.ts';
import { modeSteps, steps, storageMigrationSteps } from './registry.ts';
import type { Step, StepCall, UndoCall, Verbs } from './step.ts';

const group = { id: 'g', devices: ['d'] };
const preference = { from: 'a', to: 'b' };
const storageItem: StorageItem = {
  id: 'g',
  protected: group,
  recovery: group,
  datastores: [{ id: 'ds', protectedDevices: [], recoveryDevices: [] }],
  preference,
};
const move = {
  migrationId: 'm',
  sequence: 1,
  fromDatastoreId: 'ds',
  toDatastoreId: 'ds-2',
  disks: [],
  devices: [],
};
const vmItem: VmItem = { id: 'vm', on: [0], datastoreIds: ['ds'], move };
const recordIn = (state: 'in-progress' | 'completed'): string =>
  encodeRecord({
    vmId: 'vm',
    migrationId: 'm',
    sequence: 1,
    role: 'destination',
    state,
    source: 'ds',
    destination: 'ds-2',
    disks: [],
    digest: 'd',
  });
const completed = recordIn('completed');

/** What a live migration left that was cut off while it was under way. */
const shell = { startedId: 'm', execution: 'paused-incoming' };

/** What looking finds: a VM that is on, and has moved its disks; devices without a role. */
const seenBy = (verb: string, id: string, phase: Phase): unknown => {
  if (verb === 'readFile' && phase === 'undo') return { content: recordIn('in-progress') };
  if (verb === 'vmStatus') return { id, registered: true, power: 'on' };
  if (verb === 'readFile') return { content: completed };
  if (verb === 'migrationStatus') return { state: 'running', arrival: shell };
  return verb === 'findInstances' ? [{ datastoreId: 'ds-2', disks: ['d'], record: completed }] : [];
};

/** A remote that notes each verb; the first changing call fails, so that ways out show as well. */
const noteTaker = (phase: Phase): { readonly notes: string[]; readonly remote: Verbs } => {
  const notes: string[] = [];
  let failed = false;
  const call = (verb: string) => async (targets: readonly { readonly id: string }[]) => {
    notes.push(`\`${verb}\``);
    const looks = isReading(verb);
    const fails = !looks && !failed;
    if (fails) failed = true;
    return targets.map(({ id }) => {
      if (looks) return { id, value: seenBy(verb, id, phase) };
      return fails ? { id, fault: fault('conflict', 'not like this') } : { id, ok: true };
    });
  };
  const settle = async (verb: TargetVerb, targets: readonly { readonly id: string }[]) => {
    notes.push(`asks what became of \`${verb}\``);
    return targets.map(({ id }) => ({ id, verdict: 'done' }));
  };
  const verbs = [...storageVerbs, ...computeVerbs].map((verb) => [verb, call(verb)]);
  return { notes, remote: { ...Object.fromEntries(verbs), settle } as unknown as Verbs };
};

type Phase = 'before' | 'run' | 'settle' | 'undo';

const callOf = (remote: Verbs, mode: Mode | 'device', step: Step): UndoCall<never> => ({
  remote,
  items: [step.unit === 'storage' ? storageItem : vmItem] as never[],
  side: step.side,
  mode,
  instance: isOfTests(mode) ? 'test' : 'production',
  before: { g: step.name === 'switch-site-preference' ? preference.from : {}, vm: 'on' },
});

/** The verbs of one phase in order, in words; empty where nothing is called. */
const notesOf = async (step: Step, phase: Phase, mode: Mode | 'device'): Promise<string> => {
  const { notes, remote } = noteTaker(phase);
  const act = step[phase] as ((call: StepCall<never>) => Promise<unknown>) | string | undefined;
  if (typeof act === 'function') await act(callOf(remote, mode, step));
  return notes.join(', then ');
};

const seconds = (ms: number): string => `${ms / 1_000} s`;

const actionText = (action: PolicyAction): string => {
  if (action.action === 'continue') return 'CONTINUE';
  if (action.action === 'rerun') {
    const { attemptsMax, delayMsMin, delayMsMax } = action;
    const apart = `${seconds(delayMsMin)} to ${seconds(delayMsMax)} apart`;
    return `RERUN up to ${attemptsMax} times, ${apart}`;
  }
  return `${action.action.toUpperCase()} (${action.reach})`;
};

const policyText = ({ rules, otherwise }: Policy): string => {
  const texts = rules.map((rule) => {
    const kinds = rule.kinds === passing ? '*passing*' : rule.kinds?.join(', ');
    return `${kinds}: ${actionText(rule.do)}`;
  });
  if (texts.length === 0) return actionText(otherwise);
  return [...texts, `otherwise ${actionText(otherwise)}`].join('; ');
};

const undoText = async (step: Step, mode: Mode | 'device'): Promise<string> => {
  if (step.undo === 'no-return') return '**no return**';
  if (step.undo === 'nothing-to-undo') return 'nothing to undo';
  if (step.undo === 'stays') return '**stays**';
  const undo = await notesOf(step, 'undo', mode);
  return step.whenLeft === 'alone' ? `${undo} (**alone**)` : undo;
};

const gateText = (step: Step): string => {
  const gates = [
    ...(step.gate === 'priority' ? ['priorities in order'] : []),
    ...(step.gate === 'priority-reversed' ? ['priorities in reverse'] : []),
    ...(step.dependencies === true ? ['dependencies'] : []),
  ];
  return gates.length === 0 ? 'none' : gates.join(', ');
};

const header = [
  'step',
  'unit',
  'path',
  'side',
  'called',
  'looks first at',
  'verb',
  'settle',
  'undo',
  'gates',
  'at most',
  'default policy',
];

/** One step's row; every cell says something. */
const rowOf = async (step: Step, mode: Mode | 'device'): Promise<string[]> => {
  const before = await notesOf(step, 'before', mode);
  const settle = await notesOf(step, 'settle', mode);
  return [
    step.name,
    step.unit,
    step.paths?.join(', ') ?? 'all',
    mode === 'device' ? 'as asked' : step.side,
    step.remote,
    before === '' ? 'nothing' : before,
    await notesOf(step, 'run', mode),
    settle === '' ? 'it only looks' : settle,
    await undoText(step, mode),
    gateText(step),
    seconds(step.timeoutMs),
    policyText(step.onFault),
  ];
};

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const tableOf = async (rows: readonly Step[], mode: Mode | 'device'): Promise<string> => {
  const lines = [line(header), line(header.map(() => '---'))];
  for (const step of rows) lines.push(line(await rowOf(step, mode)));
  return lines.join('\n');
};

const meaning: Record<Mode, string> = {
  test: 'Writable copies start beside the replicas, on an isolated network; nothing else changes.',
  cleanup: 'Everything that a test run made is taken away again.',
  planned: 'Both sites are well: the VMs stop, the last bytes are copied, the other site goes on.',
  disaster: 'The protected site is declared lost: no call goes there, the copies are forced open.',
  fence: 'A lost site is back: what still writes there in the old lineage is cut off and stopped.',
  reprotect: 'After a failover the flow turns round; when it ends well the sites change places.',
};

const introduction = `# Recovery steps

Generated from \`daemon/steps\` by \`npm run gen:docs\`: change the code, not this page.

A mode takes its steps in this order. A *storage* step works on whole consistency groups, a *vm*
step on VMs. A task in doubt is settled before its policy is asked, so a policy sees \`timeout\`,
\`unreachable\` and \`interrupted\` only when the effect is proven absent: together with \`busy\`
these are the *passing* faults, after which trying again is safe and of use. "asks what became of
\`verb\`" is the plugin's own \`settle\` of that verb, or the same call again under the same key
where the plugin declares it repeatable.

A workgroup goes one of three *paths*: **cold** over replicated storage; **stretched** over storage
that both sites serve, its VMs stopped and started; **live**, VMs on stretched storage that go over
without a stop. A step that **stays** is not taken back by a rollback, nor is what it stands on: the
site preference of a device goes back only if no VM of it has gone over. Where an undo failed and a
person leaves it, what it stands on is left with it, unless it is marked **alone**
([why](decisions/0047-leaving-an-undo.md)). A plan can name another policy for any step.`;

/** The whole page, as Markdown. */
export const stepsPage = async (): Promise<string> => {
  const parts = [introduction];
  for (const mode of modes) {
    const own = modeSteps[mode].flatMap((name) => steps.get(name) ?? []);
    parts.push(`## ${mode}`, meaning[mode], await tableOf(own, mode));
  }
  parts.push(
    '## Device runs',
    'One storage verb for a recovery manager that brings its own orchestration.',
    await tableOf(deviceSteps, 'device'),
    '## Storage migrations',
    'The disks of VMs move between datastores while they run ([the records](instances.md)).',
    await tableOf(storageMigrationSteps, 'device'),
  );
  return `${parts.join('\n\n')}\n`;
};
