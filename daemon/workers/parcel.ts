/**
 * What of a task's job travels when. Most of it is the same for all tasks of one step of a run, and
 * goes to a thread once, as does the text of a workgroup's items; from then on a job is a few
 * numbers. Written out whole, a small task cost both ends more than deciding on it did.
 */
import type { TaskJob } from './pool.ts';

/** Complete by its type: a new field of a job has to say here how it travels. */
const travels = {
  kind: 'once',
  remoteId: 'once',
  step: 'once',
  phase: 'once',
  runId: 'once',
  mode: 'once',
  side: 'once',
  key: 'once',
  epoch: 'once',
  timeoutMs: 'once',
  direction: 'once',
  items: 'by itself',
  workgroup: 'by itself',
  attempt: 'by itself',
  only: 'if any',
  before: 'if any',
  operations: 'if any',
  args: 'if any',
  injections: 'if any',
  remembers: 'if any',
  shown: 'if any',
} as const satisfies Record<keyof TaskJob, 'once' | 'by itself' | 'if any'>;

type Travels = typeof travels;
type Fields<How> = { [F in keyof Travels]: Travels[F] extends How ? F : never }[keyof Travels];

/** The same for all tasks of a step, a phase and a direction. */
export type Head = Pick<TaskJob, Fields<'once'>>;
/** What few jobs have. */
export type Rest = Pick<TaskJob, Fields<'if any'>>;

const fieldsThat = <How extends Travels[keyof Travels]>(how: How): readonly Fields<How>[] =>
  Object.entries(travels).flatMap(([field, its]) => (its === how ? [field as Fields<How>] : []));

const once = fieldsThat('once');
const ifAny = fieldsThat('if any');

export const hasSameHead = (one: TaskJob, other: TaskJob): boolean => {
  for (const field of once) if (one[field] !== other[field]) return false;
  return true;
};

/** Its JSON, which also tells one head from another. */
export const headOf = (job: TaskJob): string => JSON.stringify(once.map((field) => job[field]));

export const readHead = (text: string): Head => {
  const values = JSON.parse(text) as readonly unknown[];
  return Object.fromEntries(once.map((field, at) => [field, values[at]])) as unknown as Head;
};

/** Undefined: nothing. */
export const restOf = (job: TaskJob): Rest | undefined => {
  let rest: Record<string, unknown> | undefined;
  for (const field of ifAny) {
    if (job[field] === undefined) continue;
    rest ??= {};
    rest[field] = job[field];
  }
  return rest as Rest | undefined;
};
