/**
 * Executes one job where plugin code runs: one phase of one task through its step, one page of a
 * listing, or a look at some targets. Everything that can go wrong ends in a result or a JobFault;
 * nothing is thrown.
 */
import { type Fault, FaultError, type FaultKind } from '../../sdk/plugin/fault.ts';
import { type Answer, isReading, type Settlement } from '../../sdk/plugin/verbs.ts';
import type { Clock } from '../core/clock.ts';
import type { Injection } from '../core/injection.ts';
import { isOfTests } from '../core/plan.ts';
import { decodeRanges } from '../core/ranges.ts';
import type { Calls, Door, Errand, Gateway } from '../gateway/gateway.ts';
import { verbsOf } from '../gateway/verbs.ts';
import type { Present } from '../present/present.ts';
import type { ItemStatus } from '../steps/operations.ts';
import type { Done, Failed, Step, StepCall } from '../steps/step.ts';
import { settleUndo } from '../steps/targets.ts';
import { type Asked, foldFound, foldPolled, foldRun, foldSettled } from './fold.ts';
import { type Chosen, chosen, type Item, ItemsCache } from './items.ts';
import { listed } from './listing.ts';
import { pollItems } from './poll.ts';
import type {
  DescribeJob,
  Job,
  JobFault,
  ListingJob,
  ListingResult,
  QueryJob,
  QueryResult,
  TaskJob,
  TaskResult,
} from './pool.ts';

/** The jobs that need a session. */
export type RemoteJob = Exclude<Job, DescribeJob>;
export type RemoteResult = TaskResult | ListingResult | QueryResult | JobFault;

export interface ExecuteParts {
  readonly gateway: Gateway;
  readonly present: Present;
  readonly stepNamed: (name: string) => Step | undefined;
  readonly clock: Clock;
}

/** How a job came in: until when it may take, and how to end its thread. */
export interface Dispatch {
  /** Milliseconds since the Unix epoch. */
  readonly dueMs: number;
  readonly crash: Errand['crash'];
  /** Hears at once of each rule that changed something. */
  readonly struck: (rule: string) => void;
}

const jobFault = (fault: Fault, door?: Door): JobFault => ({
  kind: 'fault',
  fault,
  ...(door !== undefined && more(door)),
});

/** What is told of a door beside the answers: nothing, as a rule. */
const more = ({ refused, injected }: Door): Pick<JobFault, 'refused' | 'injected'> => ({
  ...(refused.size > 0 && { refused: [...refused] }),
  ...(injected.length > 0 && { injected }),
});

const defect = (code: string, message: string): Fault => ({
  kind: 'unknown',
  owner: 'engine',
  message,
  code,
});

const notLooking = (verb: string): Fault => ({
  kind: 'unsupported',
  owner: 'engine',
  message: `${verb} changes something: it is called by a run only`,
  code: 'VERB_CHANGES',
});

/** The job waited for a thread until its time was over. Nothing was done. */
const expired = (job: RemoteJob): Fault => ({
  kind: 'busy',
  owner: 'queue',
  message: `the job for ${job.remoteId} was not begun within its ${job.timeoutMs} ms`,
  code: 'QUEUE_TIMEOUT',
  hint: 'The threads are busy: lower the limits of the plan or give the daemon more workers.',
});

interface Scene {
  readonly job: TaskJob;
  readonly step: Step;
  readonly asked: Asked;
  readonly items: readonly Item[];
  readonly door: Calls;
}

/** In the order of their positions, as results name them. */
const operationsOf = (job: TaskJob) => job.operations?.toSorted((a, b) => a.item - b.item);

/** Positions asked about, where they are not all; undefined: they are no positions. */
const someOf = (job: TaskJob, count: number): readonly number[] | undefined => {
  const positions = operationsOf(job)?.map(({ item }) => item) ?? decodeRanges(job.only ?? '');
  const sound = positions.every((at) => Number.isInteger(at) && at >= 0 && at < count);
  return sound ? positions : undefined;
};

/** The items asked about; undefined when the job names such as the workgroup does not have. */
const chosenOf = (job: TaskJob, whole: Chosen): Chosen | undefined => {
  if (job.only === undefined && job.operations === undefined) return whole;
  const positions = someOf(job, whole.items.length);
  if (positions === undefined) return undefined;
  if (positions.length === whole.items.length) return whole;
  return chosen(
    positions.map((at) => whole.items[at] as Item),
    positions,
  );
};

/** The step that a job names takes the items that the job carries: both come from one plan. */
const callOf = ({ job, items, door }: Scene): StepCall<never> => ({
  remote: verbsOf(door),
  items: items as readonly never[],
  side: job.side,
  mode: job.mode,
  instance: isOfTests(job.mode) ? 'test' : 'production',
  ...(job.args !== undefined && { args: job.args }),
});

const nothing: Readonly<Record<string, unknown>> = {};

/** Position → found, as journaled, to item id → found, as the step knows it. */
const beforeById = ({ job, asked }: Scene): Readonly<Record<string, unknown>> => {
  if (job.before === undefined) return nothing;
  const found = JSON.parse(job.before) as Record<string, unknown>;
  const byId: Record<string, unknown> = {};
  asked.positions.forEach((position, at) => {
    if (position in found) byId[asked.ids[at] as string] = found[position];
  });
  return byId;
};

const undo = async (scene: Scene): Promise<TaskResult> => {
  const { step, asked } = scene;
  if (step.undo === 'nothing-to-undo') {
    return foldRun(
      asked,
      asked.ids.map((id) => ({ id, ok: true })),
    );
  }
  if (step.undo === 'no-return' || step.undo === 'stays') {
    throw new FaultError({
      kind: 'unsupported',
      owner: 'engine',
      message: `${step.name} cannot be undone`,
      code: 'NO_RETURN',
    });
  }
  return foldRun(asked, await step.undo({ ...callOf(scene), before: beforeById(scene) }));
};

type Named = { readonly id: string };

/** With what was answered instead for some; in the order of `all`. */
const amended = <A extends Named>(
  all: readonly A[],
  answers: readonly Answer[],
  of: (answer: Answer) => A,
): readonly A[] => {
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  return all.map((one) => {
    const answer = byId.get(one.id);
    return answer === undefined ? one : of(answer);
  });
};

/** Of what came out done, what the step's own proof says. */
const proven = async <A extends Named>(
  scene: Scene,
  all: readonly A[],
  doneOf: (one: A) => Done | undefined,
  of: (answer: Answer) => A,
): Promise<readonly A[]> => {
  if (scene.step.prove === undefined) return all;
  const done = all.flatMap((one) => doneOf(one) ?? []);
  if (done.length === 0) return all;
  const before = beforeById(scene);
  return amended(all, await scene.step.prove({ ...callOf(scene), before }, done), of);
};

/** Of what came out with a fault, what the step finds to be so. */
const judged = async <A extends Named>(
  scene: Scene,
  all: readonly A[],
  of: (answer: Answer) => A,
): Promise<readonly A[]> => {
  if (scene.step.judge === undefined) return all;
  const failed = all.filter((one): one is A & Failed => 'fault' in one);
  if (failed.length === 0) return all;
  return amended(all, await scene.step.judge(callOf(scene), failed), of);
};

const isDone = (answer: Answer | ItemStatus): Done | undefined =>
  'ok' in answer ? answer : undefined;

const run = async (scene: Scene): Promise<TaskResult> => {
  const asIs = (answer: Answer): Answer => answer;
  const answers = await judged<Answer>(scene, await scene.step.run(callOf(scene)), asIs);
  return foldRun(scene.asked, await proven<Answer>(scene, answers, isDone, asIs));
};

/** Faults of a question that did not come through. */
const unasked: ReadonlySet<FaultKind> = new Set(['unreachable', 'timeout']);

const poll = async (scene: Scene): Promise<TaskResult> => {
  const { job, asked, door } = scene;
  const operations = operationsOf(job) ?? [];
  const waiting = asked.ids.map((id, at) => ({ id, operation: operations[at]?.operation ?? '' }));
  const asStatus = (answer: Answer): ItemStatus =>
    'accepted' in answer ? { id: answer.id, running: true } : answer;
  // Done, and nobody could be asked for the proof: the next poll asks again.
  const asProof = (answer: Answer): ItemStatus =>
    'fault' in answer && unasked.has(answer.fault.kind)
      ? { id: answer.id, running: true }
      : asStatus(answer);
  const statuses = await judged<ItemStatus>(scene, await pollItems(door, waiting), asStatus);
  return foldPolled(asked, await proven<ItemStatus>(scene, statuses, isDone, asProof));
};

/** Done, but not proven: it is asked again, or a person has to look. */
const unproven = (answer: Answer): Settlement => {
  if ('ok' in answer) return { ...answer, verdict: 'done' };
  if ('accepted' in answer || answer.fault.kind === 'busy') {
    return { id: answer.id, verdict: 'running' };
  }
  return { id: answer.id, verdict: 'unknowable', why: answer.fault.message };
};

const settle = async (scene: Scene): Promise<TaskResult> => {
  const settlements = await scene.step.settle(callOf(scene));
  const doneOf = (found: Settlement): Done | undefined =>
    found.verdict === 'done' ? { ...found, ok: true } : undefined;
  return foldSettled(scene.asked, await proven<Settlement>(scene, settlements, doneOf, unproven));
};

/** What became of calls of a run that has ended: nothing of it is led on. */
const ask = async (scene: Scene): Promise<TaskResult> => {
  const { job, step, asked } = scene;
  const call = callOf(scene);
  const settled = job.direction === 'undo' ? settleUndo(step, call) : step.settle(call);
  return foldSettled(asked, await settled);
};

const phases: Record<TaskJob['phase'], (scene: Scene) => Promise<TaskResult>> = {
  before: async (scene) => {
    const { step, asked } = scene;
    const found = await step.before?.({ ...callOf(scene), before: beforeById(scene) });
    return foldFound(asked, found ?? asked.ids.map((id) => ({ id, value: null })));
  },
  run,
  settle,
  ask,
  undo,
  poll,
};

/** Makes the function that executes jobs in this thread. */
export const createExecutor = ({ gateway, present, stepNamed, clock }: ExecuteParts) => {
  const cache = new ItemsCache();

  const runTask = (job: TaskJob, door: Calls): Promise<TaskResult> => {
    const step = stepNamed(job.step);
    if (step === undefined) throw new FaultError(defect('STEP_UNKNOWN', `no step ${job.step}`));
    const found = chosenOf(job, cache.parse(job.items));
    if (found === undefined) {
      throw new FaultError(defect('BAD_JOB', `${job.step}: positions beyond the workgroup`));
    }
    return phases[job.phase]({ job, step, door, ...found });
  };

  const runListing = async (job: ListingJob, door: Door): Promise<ListingResult | JobFault> => {
    const reply = await listed(job, door, clock);
    return 'fault' in reply ? jobFault(reply.fault) : reply.value;
  };

  const runQuery = async (job: QueryJob, door: Calls): Promise<QueryResult> => {
    if (!isReading(job.verb)) throw new FaultError(notLooking(job.verb));
    // The answers of reading verbs were checked to carry values.
    const answers = (await door.call(job.verb, job.targets, job.args)) as QueryResult['answers'];
    return { kind: 'query', answers };
  };

  /** What cannot be begun is thrown at once: a job is worth no promise more than it needs. */
  const execute = (job: RemoteJob, door: Door): Promise<RemoteResult> => {
    if (job.kind === 'listing') return runListing(job, door);
    const presented = present(door, job.remoteId, job.shown);
    return job.kind === 'query' ? runQuery(job, presented) : runTask(job, presented);
  };

  return async (job: RemoteJob, dispatch: Dispatch): Promise<RemoteResult> => {
    if (clock.now() >= dispatch.dueMs) return jobFault(expired(job));
    const door = gateway.door(errandOf(job, dispatch));
    try {
      const result = await execute(job, door);
      return door.refused.size + door.injected.length === 0 ? result : { ...result, ...more(door) };
    } catch (error) {
      if (error instanceof FaultError) return jobFault(error.fault, door);
      const what = job.kind === 'task' ? job.step : job.verb;
      return jobFault(defect('STEP_FAILED', `${what}: ${error}`), door);
    } finally {
      door.end();
    }
  };
};

/** A job that only looks changes nothing under any key. */
const lookOf = (kind: string) => ({ key: kind, attempt: 1, epoch: 0 });

/** What the door is told of the job. */
const errandOf = (job: RemoteJob, { dueMs, crash, struck }: Dispatch): Errand => {
  const { remoteId, injections = none, remembers } = job;
  const { key, attempt, epoch } = job.kind === 'task' ? job : lookOf(job.kind);
  const asksOnly = job.kind === 'task' && job.phase === 'ask';
  const more = asksOnly ? { asksOnly } : remembers ? { remembers } : undefined;
  return { remoteId, key, attempt, epoch, deadlineMs: dueMs, injections, crash, struck, ...more };
};

const none: readonly Injection[] = [];
