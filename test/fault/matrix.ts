/**
 * What the engine makes of every kind of fault of every verb under every policy: found by running
 * it, one run for each verb and policy with each kind in a workgroup of its own. The page that is
 * written from it stands in docs/injection-matrix.md.
 */
import type { Entry } from '../../daemon/core/entries.ts';
import { goOn, type PolicyAction, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { type FaultKind, faultKinds, inDoubt } from '../../sdk/plugin/fault.ts';
import { listingVerbs, type TargetVerb, targetVerbs } from '../../sdk/plugin/verbs.ts';
import type { CallRule, Effect } from '../../sdk/scenario/rule.ts';
import { type Rig, untilRest } from '../_support/engine-on-lab.ts';
import { askedRow, deviceRow, moving, movingRow, notCalled, type Told } from './matrix-alone.ts';
import {
  begin,
  leading,
  open,
  type Play,
  plays,
  start,
  wayTo,
  workgroupOf,
} from './matrix-plays.ts';

const policies: Readonly<Record<string, PolicyAction>> = {
  CONTINUE: goOn,
  RERUN: rerun({ attemptsMax: 3, delayMsMin: 1, delayMsMax: 1 }),
  STOP: stop('workgroup'),
  ROLLBACK: rollback('workgroup'),
};

/** A kind of fault; the call's effect is not there, or (`done`) it is and nobody heard of it. */
interface Column {
  readonly name: string;
  readonly kind: FaultKind;
  readonly done: boolean;
}

const columns: readonly Column[] = faultKinds.flatMap((kind): Column[] => {
  const plain = { name: kind, kind, done: false };
  const doubtful = inDoubt({ kind, owner: 'array', message: '' });
  return doubtful ? [plain, { name: `${kind}, done`, kind, done: true }] : [plain];
});

const effectOf = ({ kind, done }: Column): Effect => ({
  effect: 'error',
  ...(done && { after: true }),
  fault: { kind, owner: 'array', message: 'on purpose', code: 'MATRIX' },
});

const tolds: readonly Told[] = columns.map((column) => ({
  name: column.name,
  effect: effectOf(column),
}));

const ruleOf = (play: Play, column: Column, at: number): CallRule => ({
  name: column.name,
  step: play.step,
  verb: play.verb,
  workgroup: workgroupOf(play, at),
  direction: 'run',
  attempt: 1,
  effect: effectOf(column),
});

const settledAs = (entry: Extract<Entry, { type: 'task-settled' }>): string => {
  if (entry.unknowable.length > 0) return 'settled unknowable';
  return entry.absent.length > 0 ? 'settled absent' : 'settled done';
};

/** What happened to a workgroup in a step, in words, and where its items ended. */
const storyOf = (
  entries: readonly Entry[],
  { step: name, group: id }: { readonly step: string; readonly group: string },
  outcomes: ReadonlySet<string>,
): string => {
  const [started] = entries;
  if (started?.type !== 'run-started') return 'no run';
  const { workgroups, steps: names } = started.frozen;
  const group = workgroups.findIndex((one) => one.id === id);
  const step = names.findIndex((one) => one.name === name);
  const words = entries.flatMap((entry): string[] => {
    if (!('group' in entry) || entry.group !== group || entry.step !== step) return [];
    if (entry.type === 'task-settled') return [settledAs(entry)];
    return entry.type === 'policy-applied' ? [entry.action.action.toUpperCase()] : [];
  });
  return `${[...words, '→'].join(', ').replace(', →', ' →')} ${[...outcomes].join(', ')}`;
};

/** Of a run with one workgroup. */
const aloneIn = (step: string) => (entries: readonly Entry[], outcomes: ReadonlySet<string>) => {
  const [started] = entries;
  const group = started?.type === 'run-started' ? started.frozen.workgroups[0]?.id : undefined;
  return storyOf(entries, { step, group: group ?? '' }, outcomes);
};

const entriesOf = async ({ journal }: Rig, runId: string): Promise<Entry[]> =>
  (await journal.read(runId, 1, 100_000)).map(({ body }) => JSON.parse(body) as Entry);

/** By column, what the engine did. */
const rowOf = async (play: Play, policy: string): Promise<readonly string[]> => {
  const made = await open(play, columns.length);
  const { injections } = made.engine;
  try {
    const rules = columns.map((column, at) => ruleOf(play, column, at));
    const led = leading(
      play,
      columns.map((_, at) => workgroupOf(play, at)),
    );
    await injections.add('matrix', [...led, ...rules]);
    await injections.enable('matrix', 'the matrix', 1, 0);
    const action = policies[policy] as PolicyAction;
    const policyOf = { [play.step]: { rules: [], otherwise: action } };
    const started = await begin(made, play, policyOf).catch((error: Error) => error);
    if (started instanceof Error) return columns.map(() => 'refused at the start');
    await untilRest(made.engine, started);
    const entries = await entriesOf(made, started);
    const { items } = await made.engine.reportRun(started);
    const hits = new Map(injections.status().rules.map((rule) => [rule.name, rule.hits]));
    return columns.map(({ name }, at) => {
      if (hits.get(name) === 0) return notCalled;
      const group = workgroupOf(play, at);
      const own = items.filter(({ workgroupId }) => workgroupId === group);
      const outcomes = new Set(own.map(({ outcome }) => outcome));
      return storyOf(entries, { step: play.step, group }, outcomes);
    });
  } finally {
    made.engine.close();
  }
};

/** By column, what became of a group whose undo met the fault. */
const undoRow = async (verb: TargetVerb): Promise<readonly string[]> => {
  const undo: Play = { verb, mode: 'planned', step: 'promote-target', live: false };
  const made = await open(undo, columns.length);
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
    return hits.get(name) === 0 ? notCalled : `tried again → ${ended}`;
  });
};

/** Verbs that the engine never calls: plugins offer them to others, or to its own verbs. */
export const uncalled = (): readonly TargetVerb[] => {
  const called = new Set<string>([...plays().keys(), ...moving().keys(), ...elsewhere]);
  return targetVerbs.filter((verb) => !called.has(verb));
};

/** In an undo, a device run and a question. */
const elsewhere = ['restoreReplication', 'removeSnapshot', 'listSnapshots'] as const;

const head = `# What the engine does with every fault of every verb

Written by \`npm run gen:docs\` from runs of the engine on the lab: each verb, with each kind
of fault injected into its first attempt, under each policy for its step. A test runs them all, and
holds this page to what happened. A cell reads: what settling said, if the fault left the effect in
doubt; what the policy became; → how the items ended. \`, done\` is a fault after which the effect
was there; \`refused at the start\`: the step cannot have such a policy.
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

/** What is not under a plan's policies. */
const alone = async (): Promise<string[]> => {
  const [undo, removal, asked] = elsewhere;
  const sections = [
    section(
      `\`${undo}\``,
      'In the undo of step `promote-target`. No policy is asked there: an undo is tried again, ' +
        'and after its last try the run is stuck.',
      await ofEach(['undo'], () => undoRow(undo)),
    ),
  ];
  for (const [verb, step] of moving()) {
    const told = await ofEach(['its own'], () => movingRow([verb, step], tolds, aloneIn));
    const about = `In step \`${step}\` of a storage migration, under the policy of the step.`;
    sections.push(section(`\`${verb}\``, about, told));
  }
  const about = 'In a device run, which reports every fault and undoes nothing.';
  const removed = await ofEach(['report'], () => deviceRow(removal, tolds, aloneIn));
  sections.push(section(`\`${removal}\``, about, removed));
  const outside = 'Outside runs there is no policy: who asks is told, by a word of the error table';
  const listed = await ofEach(listingVerbs, (verb) => askedRow(verb, tolds));
  sections.push(section('Listings', `${outside}.`, listed));
  const answered = await ofEach([asked], (verb) => askedRow(verb, tolds));
  sections.push(section(`\`${asked}\``, `${outside}, or with the group's own fault.`, answered));
  return sections;
};

export const matrixPage = async (): Promise<string> => {
  const sections: string[] = [head];
  for (const play of plays().values()) {
    const { verb, step, mode } = play;
    const told = await ofEach(Object.keys(policies), (policy) => rowOf(play, policy));
    const about = `In step \`${step}\`, mode \`${mode}\`${wayTo(play)}.`;
    sections.push(section(`\`${verb}\``, about, told));
  }
  sections.push(...(await alone()));
  const rest = uncalled().map((verb) => `\`${verb}\``);
  sections.push(`## Never called by the engine\n\n${rest.join(', ')}.\n`);
  return sections.join('\n');
};
