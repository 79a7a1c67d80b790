/**
 * Runs one case whole, then once more for each entry after which the daemon may die, then once for
 * each decision that a person may take when it has parked; answers everything that was wrong.
 */
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { RunState } from '../../daemon/core/engine/state.ts';
import { decisionsFor, viewOf } from '../../daemon/core/engine/view.ts';
import type { Decision, Entry } from '../../daemon/core/entries.ts';
import { Drive } from '../_support/engine.ts';
import { type Case, frozenOf, titleOf, worldOf } from './cases.ts';
import { Checker } from './checker.ts';

/** Far more than any of these runs makes: past it, the run does not end. */
const entriesMax = 500;

export interface Count {
  shapes: number;
  cases: number;
  crashes: number;
  decisions: number;
  entries: number;
}

const flat = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && Symbol.iterator in value
    ? [...(value as Iterable<unknown>)]
    : value;

/** All that a fold of the same entries must come to again. */
export const pictureOf = (state: RunState): string =>
  JSON.stringify([
    state.groups.map(({ frozen: _frozen, chain: _chain, task, ...group }) => [
      Object.values(group).map(flat),
      Object.values(task).map(flat),
    ]),
    [state.parked, state.result, state.cancelling, state.cursor, state.tally],
    [state.halts, state.rollback, state.noReturn, state.lostSites].map(flat),
    [state.stepDone, state.stepFailed, state.stepTasksDone],
    state.gates.latches.map(({ missing, held, behind, open }) => [
      [...missing],
      held,
      behind,
      open,
    ]),
  ]);

interface Run {
  readonly drive: Drive;
  readonly checker: Checker;
  /** After each entry. */
  readonly pictures: string[];
  mended: boolean;
}

const prepare = (given: Case, landed: boolean, keepPictures: boolean): Run => {
  const frozen = frozenOf(given);
  const checker = new Checker(frozen);
  const pictures: string[] = [];
  const made = {
    drive: new Drive(
      frozen,
      {
        ...worldOf(given, { landed, mended: () => run.mended }),
        see: (entry, state) => {
          checker.see(entry, state);
          if (keepPictures) pictures.push(pictureOf(state));
        },
        called: (intent, state) => checker.called(intent, state),
      },
      given.pace,
    ),
    checker,
    pictures,
    mended: false,
  };
  const run: Run = made;
  if (keepPictures) pictures.push(pictureOf(run.drive.state));
  return run;
};

const replay = ({ drive, checker }: Run, entries: readonly Entry[]): void => {
  checker.replaying = true;
  drive.found(entries);
  checker.replaying = false;
};

/** To its end or rest; what was wrong on the way, an exception included. */
const finish = ({ drive, checker }: Run): readonly string[] => {
  drive.run(entriesMax);
  return checker.rest(drive.state, drive.entries, drive.now);
};

const attempt = (title: string, work: () => readonly string[]): string[] => {
  try {
    return work().map((breach) => `${title}: ${breach}`);
  } catch (error) {
    return [`${title}: ${(error as Error).message}`];
  }
};

const endOf = ({ drive }: Run): string => {
  const { state } = drive;
  const notes = viewOf(state, 100).notes.map(({ itemId, state: what }) => `${itemId} ${what}`);
  return JSON.stringify([state.result, state.parked, notes.sort()]);
};

/** Whether the end depends on how far the others were when the fault struck. */
const isTimed = ({ action, make, shape }: Case): boolean =>
  action.endsWith('(run)') ||
  action.endsWith('(protection-group)') ||
  (action.startsWith('ROLLBACK') &&
    (make === 'no-return' || shape.gates.some(({ kind }) => kind === 'dependency')));

const crashes = (
  given: Case,
  whole: Run,
  count: Count,
  { title, from }: { readonly title: string; readonly from: number },
): string[] => {
  const breaches: string[] = [];
  const end = endOf(whole);
  for (let cut = from; cut < whole.drive.entries.length; cut++) {
    for (const landed of [true, false]) {
      const run = prepare(given, landed, false);
      const at = `${title}; crash after entry ${cut}, ${landed ? '' : 'not '}landed`;
      const inDoubt = { any: false };
      const found = attempt(at, () => {
        replay(run, whole.drive.entries.slice(0, cut));
        inDoubt.any = run.checker.truth.inFlight.size > 0;
        if (landed && pictureOf(run.drive.state) !== whole.pictures[cut - 1]) {
          return ['folded anew it is another state'];
        }
        run.drive.interrupt();
        finish(run);
        if (landed && !isTimed(given) && endOf(run) !== end) {
          return [...run.checker.breaches, `ends ${endOf(run)}, uninterrupted ${end}`];
        }
        return run.checker.breaches;
      });
      count.crashes++;
      count.entries += run.drive.entries.length - cut;
      breaches.push(...found);
      if (!inDoubt.any) break;
    }
  }
  return breaches;
};

/** What a person says to a run that is parked, one after the other; all but the last in vain. */
type Said = readonly Decision[];

/** A person decides for the parked run: the cause is mended, and it goes on as they say. */
const decide = (given: Case, entries: readonly Entry[], said: Said): string[] => {
  const run = prepare(given, true, false);
  const decision = said.at(-1) as Decision;
  return attempt(`${titleOf(given)}; then ${said.join(', ')}`, () => {
    replay(run, entries);
    run.mended = true;
    const { at } = entries.at(-1) as Entry;
    run.drive.resume(decision);
    if (decision === 'abandon') run.drive.apply({ type: 'run-ended', at, result: 'abandoned' });
    const breaches = finish(run);
    const { result } = run.drive.state;
    if (result === undefined) return [...breaches, 'does not end'];
    const whole = given.undoAt !== undefined || !given.action.startsWith('ROLLBACK');
    if (decision === 'retry' && whole && result === 'incomplete') {
      return [...breaches, `${result}, though all was mended`];
    }
    return breaches;
  });
};

/**
 * A person leaves the undo that failed, while nothing is mended, and the daemon may die at each
 * entry that follows. Where the run is stuck again they decide once more, and then all is mended.
 */
const leave = (given: Case, entries: readonly Entry[], count: Count): string[] => {
  const whole = prepare(given, true, true);
  const title = `${titleOf(given)}; then skip`;
  const breaches = attempt(title, () => {
    replay(whole, entries);
    whole.drive.resume('skip');
    return finish(whole);
  });
  count.decisions++;
  if (breaches.length > 0) return breaches;
  breaches.push(...crashes(given, whole, count, { title, from: entries.length + 1 }));
  const { state } = whole.drive;
  for (const decision of decisionsFor(state)) {
    count.decisions++;
    breaches.push(...decide(given, whole.drive.entries, ['skip', decision]));
  }
  return breaches;
};

/** Everything wrong with a case. */
export const check = (given: Case, count: Count): readonly string[] => {
  const whole = prepare(given, true, true);
  const breaches = attempt(titleOf(given), () => finish(whole));
  count.cases++;
  count.entries += whole.drive.entries.length;
  if (breaches.length > 0) return breaches;
  const { state, entries } = whole.drive;
  const report = JSON.stringify(reportOf(state, entries, 0));
  breaches.push(...crashes(given, whole, count, { title: titleOf(given), from: 1 }));
  for (const decision of decisionsFor(state)) {
    count.decisions++;
    breaches.push(...decide(given, entries, [decision]));
  }
  if (state.parked === 'stuck') breaches.push(...leave(given, entries, count));
  if (JSON.stringify(reportOf(state, entries, 0)) !== report) {
    breaches.push(`${titleOf(given)}: a report changes what it reports`);
  }
  return breaches;
};
