/**
 * Folds answers by item id into a result by position: compact sets, one record for faults that are
 * alike, and every asked position named exactly once, whatever the answers leave out.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Answer, Evidence, Settlement } from '../../sdk/plugin/verbs.ts';
import { encodeRanges } from '../core/ranges.ts';
import type { ItemStatus } from '../steps/operations.ts';
import type { Found } from '../steps/step.ts';
import type { TaskResult } from './pool.ts';

/** The items asked about, with their positions in the workgroup, ascending. */
export interface Asked {
  readonly positions: readonly number[];
  readonly ids: readonly string[];
}

type Named = { readonly id: string };

const unanswered = (id: string): Fault => ({
  kind: 'unknown',
  owner: 'engine',
  message: `the step gave no answer for ${id}`,
  code: 'NO_ANSWER',
});

/** Calls `use` with each asked position and its answer; the first answer for an id counts. */
const forEachAsked = <A extends Named>(
  { positions, ids }: Asked,
  answers: readonly A[],
  use: (position: number, answer: A | undefined, id: string) => void,
): void => {
  const inOrder = answers.length === ids.length && ids.every((id, at) => answers[at]?.id === id);
  if (inOrder) {
    for (let at = 0; at < ids.length; at++) {
      use(positions[at] as number, answers[at], ids[at] as string);
    }
    return;
  }
  const byId = new Map([...answers].reverse().map((answer) => [answer.id, answer]));
  ids.forEach((id, at) => {
    use(positions[at] as number, byId.get(id), id);
  });
};

/** Collects a result; what stays empty is left out of it. */
class Gathering {
  readonly #done: number[] = [];
  #evidence: Record<string, Evidence> | undefined;
  /** Made for the first of them: most results have none. */
  #faults: Map<string, { fault: Fault; positions: number[] }> | undefined;
  #unknowable: Map<string, number[]> | undefined;
  readonly absent: number[] = [];
  readonly accepted: { item: number; operation: string }[] = [];
  readonly running: { item: number; progress?: number }[] = [];
  readonly before: Record<string, unknown> = {};

  done(position: number, evidence?: Evidence): void {
    this.#done.push(position);
    if (evidence === undefined) return;
    for (const _fact in evidence) {
      this.#evidence ??= {};
      this.#evidence[position] = evidence;
      return;
    }
  }

  fault(position: number, fault: Fault): void {
    const key = JSON.stringify(fault);
    this.#faults ??= new Map();
    const alike = this.#faults.get(key);
    if (alike !== undefined) alike.positions.push(position);
    else this.#faults.set(key, { fault, positions: [position] });
  }

  unknowable(position: number, why: string): void {
    this.#unknowable ??= new Map();
    const alike = this.#unknowable.get(why);
    if (alike !== undefined) alike.push(position);
    else this.#unknowable.set(why, [position]);
  }

  result(): TaskResult {
    const { accepted, running, absent, before } = this;
    const faults = [...(this.#faults?.values() ?? [])];
    const unknowable = [...(this.#unknowable ?? [])];
    return {
      kind: 'task',
      done: encodeRanges(this.#done),
      faults: faults.map(({ fault, positions }) => ({ items: encodeRanges(positions), fault })),
      ...(this.#evidence !== undefined && { evidence: this.#evidence }),
      ...(accepted.length > 0 && { accepted }),
      ...(running.length > 0 && { running }),
      ...(Object.keys(before).length > 0 && { before }),
      ...(absent.length > 0 && { absent: encodeRanges(absent) }),
      ...(unknowable.length > 0 && {
        unknowable: unknowable.map(([why, positions]) => ({ items: encodeRanges(positions), why })),
      }),
    };
  }
}

/** All done, and nothing to tell of any: what most results are. */
const isPlain = ({ ids }: Asked, answers: readonly Answer[]): boolean =>
  answers.length === ids.length &&
  answers.every((one, at) => one.id === ids[at] && 'ok' in one && one.evidence === undefined);

export const foldRun = (asked: Asked, answers: readonly Answer[]): TaskResult => {
  if (isPlain(asked, answers)) {
    return { kind: 'task', done: encodeRanges(asked.positions), faults: [] };
  }
  const gathering = new Gathering();
  forEachAsked(asked, answers, (position, answer, id) => {
    if (answer === undefined) gathering.fault(position, unanswered(id));
    else if ('fault' in answer) gathering.fault(position, answer.fault);
    else if ('ok' in answer) gathering.done(position, answer.evidence);
    else gathering.accepted.push({ item: position, operation: answer.accepted.operation });
  });
  return gathering.result();
};

export const foldFound = (asked: Asked, found: readonly Found[]): TaskResult => {
  const gathering = new Gathering();
  forEachAsked(asked, found, (position, answer, id) => {
    if (answer === undefined) gathering.fault(position, unanswered(id));
    else if ('fault' in answer) gathering.fault(position, answer.fault);
    else {
      gathering.before[position] = answer.value;
      gathering.done(position);
    }
  });
  return gathering.result();
};

export const foldSettled = (asked: Asked, settlements: readonly Settlement[]): TaskResult => {
  const gathering = new Gathering();
  forEachAsked(asked, settlements, (position, answer, id) => {
    if (answer === undefined) gathering.unknowable(position, unanswered(id).message);
    else if (answer.verdict === 'done') gathering.done(position, answer.evidence);
    else if (answer.verdict === 'absent') gathering.absent.push(position);
    else if (answer.verdict === 'running') gathering.running.push({ item: position });
    else gathering.unknowable(position, answer.why);
  });
  return gathering.result();
};

export const foldPolled = (asked: Asked, statuses: readonly ItemStatus[]): TaskResult => {
  const gathering = new Gathering();
  forEachAsked(asked, statuses, (position, status, id) => {
    if (status === undefined) gathering.fault(position, unanswered(id));
    else if ('fault' in status) gathering.fault(position, status.fault);
    else if ('ok' in status) gathering.done(position, status.evidence);
    else {
      const { progress } = status;
      gathering.running.push({ item: position, ...(progress !== undefined && { progress }) });
    }
  });
  return gathering.result();
};
