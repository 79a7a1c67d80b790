/**
 * Takes running VMs over to the recovery site without a stop, on the stretched devices that both
 * sites serve.
 *
 * The verb refuses a VM that does not run here, or says that it is there already; so nobody is
 * looked for first. Who was refused is looked for in the migrations, and is done if its migration
 * has ended there, or if it was seen to run there when the run was made: it may have been there
 * ever since a rollback started it again. A fault is no verdict: where the VM is after one is asked
 * ahead of its policy. Nor is a VM taken back by a rollback: it runs, and a second journey is a
 * second risk. What it stands on stays with it.
 * Source: US 9,489,273 claim 1.
 */
import { type Fault, fault, inDoubt } from '../../sdk/plugin/fault.ts';
import type { MigrationStatus } from '../../sdk/plugin/migration.ts';
import type { VmStatus } from '../../sdk/plugin/model.ts';
import type { Answer, Settlement, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { migrateMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep, type Failed, type StepCall } from './step.ts';
import {
  changeVms,
  knowsNone,
  migrateVms,
  migrationsOfVms,
  settleMigrations,
  statusOfVms,
  unasked,
} from './targets.ts';

const judgeAbsent = (item: VmItem, answer: ValueAnswer<MigrationStatus> | undefined): Answer => {
  const { id, toComputeId, foundThere } = item;
  if (answer !== undefined && 'fault' in answer) return answer;
  const { state, toComputeId: wentTo } = answer?.value ?? { state: 'none' };
  if (state === 'running') return { id, fault: fault('busy', `${id} is on its way already`) };
  if (foundThere === true || (state === 'completed' && wentTo === toComputeId)) {
    return { id, ok: true, evidence: { alreadyThere: true } };
  }
  return {
    id,
    fault: fault('conflict', `${id} does not run here: only a running VM can go over live`, {
      hint: 'Power it on and resume, or skip it and move it by a new run, the cold way.',
    }),
  };
};

/** Runs here, does not, or the fault of asking. */
const standingOf = (answer: ValueAnswer<VmStatus>): 'here' | 'away' | Answer => {
  if (!('fault' in answer)) {
    return answer.value.registered && answer.value.power === 'on' ? 'here' : 'away';
  }
  return answer.fault.kind === 'missing' ? 'away' : answer;
};

/** Where VMs are that may not run here; `told`: what migrating them came to, where it was tried. */
const lookFor = async (
  call: StepCall<VmItem>,
  told: ReadonlyMap<string, Answer>,
): Promise<readonly Answer[]> => {
  if (call.items.length === 0) return [];
  const standing = new Map((await statusOfVms(call)).map((one) => [one.id, standingOf(one)]));
  const those = (where: 'here' | 'away') => ({
    ...call,
    items: call.items.filter(({ id }) => standing.get(id) === where),
  });
  const [here, away] = [those('here'), those('away')];
  const found = new Map<string, Answer>();
  if (away.items.length > 0) {
    const migrations = await migrationsOfVms(away);
    const byId = new Map(migrations.map((migration) => [migration.id, migration]));
    for (const item of away.items) found.set(item.id, judgeAbsent(item, byId.get(item.id)));
  }
  const untried = { ...here, items: here.items.filter(({ id }) => !told.has(id)) };
  if (untried.items.length > 0) {
    for (const answer of await migrateVms(untried)) found.set(answer.id, answer);
  }
  return call.items.flatMap(({ id }) => {
    const asked = standing.get(id);
    return found.get(id) ?? (typeof asked === 'object' ? asked : (told.get(id) ?? []));
  });
};

const isElsewhere = (answer: Answer): boolean =>
  'fault' in answer && (answer.fault.kind === 'conflict' || answer.fault.kind === 'missing');

/** All but those seen there are taken to run here: who does not is refused, and looked for. */
const runLiveMigrate = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const items = call.items.filter(({ foundThere }) => foundThere !== true);
  const answers = items.length === 0 ? [] : await migrateVms({ ...call, items });
  if (items.length === call.items.length && !answers.some(isElsewhere)) return answers;
  const odd = new Map(answers.filter(isElsewhere).map((answer) => [answer.id, answer]));
  const doubtful = call.items.filter(({ id, foundThere }) => foundThere === true || odd.has(id));
  const found = await lookFor({ ...call, items: doubtful }, odd);
  return [...answers.filter(({ id }) => !odd.has(id)), ...found];
};

/** It is not at its source any more, by the word of the compute that led it away. */
const hasGone = ({ toComputeId }: VmItem, status: MigrationStatus): boolean =>
  status.state === 'completed' &&
  status.toComputeId === toComputeId &&
  (status.departure ?? 'gone') === 'gone';

interface Told {
  readonly statuses: ReadonlyMap<string, MigrationStatus>;
  /** Of whom nobody could be asked, and why. */
  readonly untold: ReadonlyMap<string, Fault>;
}

const ask = async (call: StepCall<VmItem>): Promise<Told> => {
  const statuses = new Map<string, MigrationStatus>();
  const untold = new Map<string, Fault>();
  for (const answer of await migrationsOfVms(call)) {
    if (!('fault' in answer)) statuses.set(answer.id, answer.value);
    else if (!knowsNone(answer.fault)) untold.set(answer.id, answer.fault);
  }
  return { statuses, untold };
};

interface Found {
  /** Ids of those that have gone over. */
  readonly gone: ReadonlySet<string>;
  readonly untold: Told['untold'];
}

/**
 * Who has gone over, after what was handed over was led to its end; and what is still on its way
 * ended, where that is this step's own (`ends`).
 */
const whereabouts = async (call: StepCall<VmItem>, ends: boolean): Promise<Found> => {
  if (call.items.length === 0) return { gone: new Set(), untold: new Map() };
  const first = await ask(call);
  const those = (isSo: (status: MigrationStatus) => boolean) => ({
    ...call,
    items: call.items.filter(({ id }) => isSo(first.statuses.get(id) ?? { state: 'none' })),
  });
  const handed = those(({ departure }) => departure === 'handed-over');
  const away = those(({ state, departure }) => state === 'running' && departure !== 'handed-over');
  if (handed.items.length > 0) await migrateVms(handed);
  if (ends && away.items.length > 0) await changeVms(away, 'cancelMigration');
  const isOver = handed.items.length + (ends ? away.items.length : 0) === 0;
  const { statuses, untold } = isOver ? first : await ask(call);
  const gone = call.items.filter((item) =>
    hasGone(item, statuses.get(item.id) ?? { state: 'none' }),
  );
  return { gone: new Set(gone.map(({ id }) => id)), untold };
};

/** What is in doubt is settled first; who is busy speaks of somebody else's migration. */
const isOpen = ({ fault }: Failed): boolean => !inDoubt(fault) && fault.kind !== 'busy';

const only = (call: StepCall<VmItem>, asked: readonly { readonly id: string }[]) => {
  const ids = new Set(asked.map(({ id }) => id));
  return { ...call, items: call.items.filter(({ id }) => ids.has(id)) };
};

/** Nobody could say where it is: it is in doubt then, and settled ahead of its policy. */
const inDoubtSince = ({ id, fault }: Failed, why: Fault): Failed => ({
  id,
  fault: {
    ...fault,
    kind: inDoubt(why) ? why.kind : 'unknown',
    message: `${fault.message}; where ${id} is could not be asked: ${why.message}`,
  },
});

/**
 * A fault says that a call failed, not where the VM is: it runs here, or it has gone over and that
 * is done. Whatever the policy makes of the fault, no VM is left between two computes.
 * Source: US 9,336,039.
 */
const judge = async (
  call: StepCall<VmItem>,
  failed: readonly Failed[],
): Promise<readonly Answer[]> => {
  const { gone, untold } = await whereabouts(only(call, failed.filter(isOpen)), true);
  return failed.map((one) => {
    if (gone.has(one.id)) return { id: one.id, ok: true, evidence: { verdict: 'at-destination' } };
    const why = untold.get(one.id);
    return why === undefined ? one : inDoubtSince(one, why);
  });
};

/** What a call can no longer do may have been led to its end by another. */
const settle = async (call: StepCall<VmItem>): Promise<readonly Settlement[]> => {
  const settled = await settleMigrations(call);
  const absent = settled.filter(({ verdict }) => verdict === 'absent');
  const { gone, untold } = await whereabouts(only(call, absent), false);
  return settled.map((one) => {
    if (gone.has(one.id)) return { id: one.id, verdict: 'done' };
    const why = untold.get(one.id);
    return why === undefined ? one : unasked(one.id, why);
  });
};

export const liveMigrate = defineVmStep({
  name: 'live-migrate',
  paths: ['live'],
  side: 'protected',
  remote: 'compute',
  timeoutMs: migrateMsMax,
  verbs: ['migrateLive', 'vmStatus', 'migrationStatus'],
  helpers: ['cancelMigration'],
  calls: {
    run: ['migrateLive', 'vmStatus', 'migrationStatus', 'cancelMigration'],
    settle: ['migrateLive', 'migrationStatus'],
  },

  run: runLiveMigrate,
  judge,
  settle,
  undo: 'stays',
  onFault: patient(stop('item')),
});
