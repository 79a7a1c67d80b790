/**
 * What the engine makes of every kind of fault of every verb under every policy: found by running
 * it, one run for each verb and policy with each kind in a workgroup of its own. The page that is
 * written from it stands in docs/injection-matrix.md.
 */
import type { Entry } from '../../daemon/core/entries.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import { goOn, type PolicyAction, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import type { RunReport } from '../../daemon/core/view.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { modeSteps, steps } from '../../daemon/steps/registry.ts';
import { type FaultKind, faultKinds, inDoubt } from '../../sdk/plugin/fault.ts';
import {
  type ListingVerb,
  listingVerbs,
  type TargetVerb,
  targetVerbs,
} from '../../sdk/plugin/verbs.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

export const policies: Readonly<Record<string, PolicyAction>> = {
  CONTINUE: goOn,
  RERUN: rerun({ attemptsMax: 3, delayMsMin: 1, delayMsMax: 1 }),
  STOP: stop('workgroup'),
  ROLLBACK: rollback('workgroup'),
};

/** Where a verb is called: the first step that does, in the order of a plan's life. */
interface Play {
  readonly verb: TargetVerb;
  readonly mode: Mode;
  readonly step: string;
  readonly live: boolean;
}

const order: readonly Mode[] = ['planned', 'test', 'cleanup', 'reprotect', 'disaster', 'fence'];

/** Steps that only stretched storage goes through. */
const isLive = (step: string): boolean => {
  const { paths } = steps.get(step) as { paths?: readonly string[] };
  return paths !== undefined && !paths.includes('cold');
};

export const plays = (): ReadonlyMap<TargetVerb, Play> => {
  const found = new Map<TargetVerb, Play>();
  for (const mode of order) {
    for (const step of modeSteps[mode]) {
      for (const verb of steps.get(step)?.verbs ?? []) {
        const known = found.get(verb);
        if (known === undefined) found.set(verb, { verb, mode, step, live: isLive(step) });
      }
    }
  }
  return found;
};

/** A kind of fault; the call's effect is not there, or (`done`) it is and nobody heard of it. */
interface Column {
  readonly name: string;
  readonly kind: FaultKind;
  readonly done: boolean;
}

export const columns: readonly Column[] = faultKinds.flatMap((kind): Column[] => {
  const plain = { name: kind, kind, done: false };
  const doubtful = inDoubt({ kind, owner: 'array', message: '' });
  return doubtful ? [plain, { name: `${kind}, done`, kind, done: true }] : [plain];
});

const groups = columns.length;

const start = async ({ engine }: Rig, mode: Mode, policy = {}): Promise<string> => {
  const asked = { planId: 'payroll', mode, requester: 'matrix', requestKey: '', policies: policy };
  return (await engine.startRun(asked)).runId;
};

const whole = async (made: Rig, mode: Mode): Promise<void> => {
  await untilRest(made.engine, await start(made, mode));
};

/** Runs what must have been before. */
const prepare = async (made: Rig, mode: Mode): Promise<void> => {
  if (mode === 'cleanup') await whole(made, 'test');
  if (mode === 'reprotect') await whole(made, 'planned');
  if (mode !== 'disaster' && mode !== 'fence') return;
  await made.engine.declareLost('site-a', 'matrix', 'on purpose');
  if (mode === 'disaster') return;
  await whole(made, 'disaster');
  await made.engine.declareReachable('site-a', 'matrix', 'on purpose');
};

const open = async ({ live, mode }: Play): Promise<Rig> => {
  const made = await rig(
    live ? { groups: 1, vms: 1, world: { stretched: groups } } : { groups, vms: 1 },
  );
  const options = {
    ...defaultOptions,
    storageWorkgroupMax: 1,
    priorityGates: false,
    liveMigration: live,
  };
  await made.engine.createPlan(planFor(live ? groups + 1 : groups, 1, { options }));
  await prepare(made, mode);
  return made;
};

/** The kind's own workgroup; where the world has a plain group too, it is the first. */
const workgroupOf = ({ step, live }: Play, at: number): string => {
  const unit = steps.get(step)?.unit === 'vm' ? 'v' : 's';
  return `${unit}${at + 1 + (live ? 1 : 0)}`;
};

const ruleOf = (play: Play, { name, kind, done }: Column, at: number): CallRule => ({
  name,
  step: play.step,
  verb: play.verb,
  workgroup: workgroupOf(play, at),
  direction: 'run',
  attempt: 1,
  effect: {
    effect: 'error',
    ...(done && { after: true }),
    fault: { kind, owner: 'array', message: 'on purpose', code: 'MATRIX' },
  },
});

const settledAs = (entry: Extract<Entry, { type: 'task-settled' }>): string => {
  if (entry.unknowable.length > 0) return 'settled unknowable';
  return entry.absent.length > 0 ? 'settled absent' : 'settled done';
};

/** What happened to a workgroup in the step, in words, and where its items ended. */
const storyOf = (entries: readonly Entry[], play: Play, at: number, report: RunReport): string => {
  const [started] = entries;
  if (started?.type !== 'run-started') return 'no run';
  const { workgroups, steps: names } = started.frozen;
  const id = workgroupOf(play, at);
  const group = workgroups.findIndex((one) => one.id === id);
  const step = names.findIndex(({ name }) => name === play.step);
  const words = entries.flatMap((entry): string[] => {
    if (!('group' in entry) || entry.group !== group || entry.step !== step) return [];
    if (entry.type === 'task-settled') return [settledAs(entry)];
    return entry.type === 'policy-applied' ? [entry.action.action.toUpperCase()] : [];
  });
  const outcomes = new Set(
    report.items.filter(({ workgroupId }) => workgroupId === id).map(({ outcome }) => outcome),
  );
  return `${[...words, '→'].join(', ').replace(', →', ' →')} ${[...outcomes].join(', ')}`;
};

const entriesOf = async ({ journal }: Rig, runId: string): Promise<Entry[]> =>
  (await journal.read(runId, 1, 100_000)).map(({ body }) => JSON.parse(body) as Entry);

/** By column, what the engine did. */
export const rowOf = async (play: Play, policy: string): Promise<readonly string[]> => {
  const made = await open(play);
  const { injections } = made.engine;
  try {
    await injections.add(
      'matrix',
      columns.map((column, at) => ruleOf(play, column, at)),
    );
    await injections.enable('matrix', 'the matrix', 1, 0);
    const action = policies[policy] as PolicyAction;
    const policyOf = { [play.step]: { rules: [], otherwise: action } };
    const started = await start(made, play.mode, policyOf).catch((error: Error) => error);
    if (started instanceof Error) {
      return columns.map(() => 'refused at the start');
    }
    await untilRest(made.engine, started);
    const entries = await entriesOf(made, started);
    const report = await made.engine.reportRun(started);
    const hits = new Map(injections.status().rules.map((rule) => [rule.name, rule.hits]));
    return columns.map(({ name }, at) =>
      hits.get(name) === 0 ? 'not called here' : storyOf(entries, play, at, report),
    );
  } finally {
    made.engine.close();
  }
};

/** By column, what a caller of discovery is told. */
const listingRow = async (verb: ListingVerb): Promise<readonly string[]> => {
  const made = await rig({ groups: 1, vms: 1 });
  const remoteId = verb.startsWith('discover') ? 'lab-a' : 'lab-compute-a';
  const told: string[] = [];
  for (const { kind } of columns) {
    const fault = { kind, owner: 'array', message: 'on purpose', code: 'MATRIX' } as const;
    const rule: CallRule = { name: 'r', verb, effect: { effect: 'error', fault } };
    await made.engine.injections.add('matrix', [rule]);
    await made.engine.injections.enable('matrix', 'the matrix', 1, 0);
    const asked = await made.engine.evidence(remoteId, true).catch((error: unknown) => error);
    told.push(asked instanceof SiteswapError ? asked.reason : 'answered');
  }
  made.engine.close();
  return told;
};

/** By column, what became of a group whose undo met the fault. */
const undoRow = async (verb: TargetVerb): Promise<readonly string[]> => {
  const undo: Play = { verb, mode: 'planned', step: 'promote-target', live: false };
  const made = await open(undo);
  const fault = { kind: 'refused', owner: 'array', message: 'on purpose', code: 'MATRIX' } as const;
  const trigger: CallRule = {
    name: 'trigger',
    step: 'mount',
    direction: 'run',
    effect: { effect: 'error', fault },
  };
  const rules = columns.map(
    (column, at): CallRule => ({
      ...ruleOf(undo, column, at),
      direction: 'undo',
    }),
  );
  await made.engine.injections.add('matrix', [trigger, ...rules]);
  await made.engine.injections.enable('matrix', 'the matrix', 1, 0);
  const otherwise = rollback('protection-group');
  const runId = await start(made, 'planned', { mount: { rules: [], otherwise } });
  await untilRest(made.engine, runId);
  const { items } = await made.engine.reportRun(runId);
  const hits = new Map(made.engine.injections.status().rules.map(({ name, hits }) => [name, hits]));
  made.engine.close();
  return columns.map(({ name }, at) => {
    const id = workgroupOf(undo, at);
    const outcomes = items.filter(({ workgroupId }) => workgroupId === id);
    const ended = [...new Set(outcomes.map(({ outcome }) => outcome))].join(', ');
    return hits.get(name) === 0 ? 'not called here' : `tried again → ${ended}`;
  });
};

/** Verbs that no step of a plan's own modes calls. */
export const uncalled = (): readonly TargetVerb[] => {
  const called = plays();
  return targetVerbs.filter((verb) => !called.has(verb) && verb !== 'restoreReplication');
};

const head = `# What the engine does with every fault of every verb

Written by \`npm run gen:docs\` from runs of the engine on the lab: each verb, with each kind
of fault injected into its first attempt, under each policy for its step. A test runs them all, and
holds this page to what happened. A cell reads: what settling said, if the fault left the effect in
doubt; what the policy became; → how the items ended. \`, done\` is a fault after which the effect
was there; \`refused at the start\`: the step cannot have such a policy; \`not called here\`: the
step calls the verb only in a case that this run is not.
`;

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Faults down, what is told of each across. */
const table = (told: ReadonlyMap<string, readonly string[]>): string =>
  [
    line(['fault', ...told.keys()]),
    line(['---', ...[...told].map(() => '---')]),
    ...columns.map(({ name }, at) =>
      line([name, ...[...told.values()].map((cells) => cells[at] ?? '')]),
    ),
  ].join('\n');

const section = (title: string, about: string, told: ReadonlyMap<string, readonly string[]>) =>
  `## ${title}\n\n${about}\n\n${table(told)}\n`;

const ofEach = async <K extends string>(
  keys: readonly K[],
  row: (key: K) => Promise<readonly string[]>,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const told = new Map<string, readonly string[]>();
  for (const key of keys) told.set(key, await row(key));
  return told;
};

export const matrixPage = async (): Promise<string> => {
  const sections: string[] = [head];
  for (const play of plays().values()) {
    const { verb, step, mode } = play;
    const told = await ofEach(Object.keys(policies), (policy) => rowOf(play, policy));
    sections.push(section(`\`${verb}\``, `In step \`${step}\`, mode \`${mode}\`.`, told));
  }
  const undo = 'restoreReplication';
  sections.push(
    section(
      `\`${undo}\``,
      'In the undo of step `promote-target`. No policy is asked there: an undo is tried again, ' +
        'and after its last try the run is stuck.',
      await ofEach(['undo'], () => undoRow(undo)),
    ),
    section(
      'Listings',
      'Outside runs there is no policy: who asks is told, by a word of the error table.',
      await ofEach(listingVerbs, listingRow),
    ),
  );
  const rest = uncalled().map((verb) => `\`${verb}\``);
  sections.push(`## Not called by the steps of a plan's modes\n\n${rest.join(', ')}.\n`);
  return sections.join('\n');
};
