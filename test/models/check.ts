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

const crashes = (given: Case, whole: Run, count: Count): string[] => {
  const breaches: string[] = [];
  const title = titleOf(given);
  const end = endOf(whole);
  for (let cut = 1; cut < whole.drive.entries.length; cut++) {
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

/** A person decides for the parked run: the cause is mended, and it goes on as they say. */
const decide = (given: Case, entries: readonly Entry[], decision: Decision): string[] => {
  const run = prepare(given, true, false);
  return attempt(`${titleOf(given)}; then ${decision}`, () => {
    replay(run, entries);
    run.mended = true;
    const { at } = entries.at(-1) as Entry;
    run.drive.resume(decision);
    if (decision === 'abandon') run.drive.apply({ type: 'run-ended', at, result: 'abandoned' });
    const breaches = finish(run);
    const { result } = run.drive.state;
    if (result === undefined) return [...breaches, 'does not end'];
    if (decision === 'retry' && !given.action.startsWith('ROLLBACK') && result === 'incomplete') {
      return [...breaches, `${result}, though all was mended`];
    }
    return breaches;
  });
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
  breaches.push(...crashes(given, whole, count));
  for (const decision of decisionsFor(state)) {
    count.decisions++;
    breaches.push(...decide(given, entries, decision));
  }
  if (JSON.stringify(reportOf(state, entries, 0)) !== report) {
    breaches.push(`${titleOf(given)}: a report changes what it reports`);
  }
  return breaches;
};
