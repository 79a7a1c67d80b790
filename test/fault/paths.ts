/**
 * The ways in which a run can go on after a fault: every one that S0 to S3 and S6 know, with how it
 * shows in the entries of a run. Each is reached by a scenario of the folder, through the gateway.
 */
import type { Entry, PolicyApplied, TaskOutcome, TaskSettled } from '../../daemon/core/entries.ts';
import type { FrozenRun } from '../../daemon/core/frozen.ts';

export interface Told {
  readonly entries: readonly Entry[];
  readonly frozen: FrozenRun;
}

type Shows = (told: Told) => boolean;

const applied =
  (test: (entry: PolicyApplied, step: string) => boolean): Shows =>
  ({ entries, frozen }) =>
    entries.some(
      (entry) =>
        entry.type === 'policy-applied' && test(entry, frozen.steps[entry.step]?.name ?? ''),
    );

const settled =
  (test: (entry: TaskSettled, step: string) => boolean): Shows =>
  ({ entries, frozen }) =>
    entries.some(
      (entry) => entry.type === 'task-settled' && test(entry, frozen.steps[entry.step]?.name ?? ''),
    );

const outcome =
  (test: (entry: TaskOutcome, step: string) => boolean): Shows =>
  ({ entries, frozen }) =>
    entries.some(
      (entry) => entry.type === 'task-outcome' && test(entry, frozen.steps[entry.step]?.name ?? ''),
    );

const faultAt = (step: string, kinds: readonly string[] = []): Shows =>
  outcome(
    ({ faults }, name) =>
      name === step && faults.some(({ fault }) => kinds.length === 0 || kinds.includes(fault.kind)),
  );

const ended =
  (result: string): Shows =>
  ({ entries }) =>
    entries.some((entry) => entry.type === 'run-ended' && entry.result === result);

const parked =
  (reason: string): Shows =>
  ({ entries }) =>
    entries.some((entry) => entry.type === 'run-parked' && entry.reason === reason);

const stops = (reach: string): Shows =>
  applied(
    ({ action, because }) =>
      action.action === 'stop' && action.reach === reach && because === undefined,
  );

const rollsBack = (reach: string): Shows =>
  applied(({ action }) => action.action === 'rollback' && action.reach === reach);

const both =
  (...shows: readonly Shows[]): Shows =>
  (told) =>
    shows.every((one) => one(told));

/** A task of the step that ended well at a later attempt than the first. */
const doneLater = (step?: string): Shows =>
  outcome(
    ({ done, attempt, direction }, name) =>
      direction === 'run' && attempt > 1 && done !== '' && (step === undefined || name === step),
  );

const undone = (step: string): Shows =>
  outcome(({ direction, done }, name) => direction === 'undo' && name === step && done !== '');

/** By system, path → how it shows. */
export const paths: Readonly<Record<string, Shows>> = {
  'S0 continue: the failed items are dropped': both(
    applied(({ action }) => action.action === 'continue'),
    ended('incomplete'),
  ),
  'S0 rerun: done at a later attempt': both(
    applied(({ action }) => action.action === 'rerun'),
    doneLater(),
  ),
  'S0 rerun: past its last attempt it stops': applied(
    ({ action, because }) => action.action === 'stop' && because !== undefined,
  ),
  'S0 stop, item': stops('item'),
  'S0 stop, workgroup': stops('workgroup'),
  'S0 stop, protection group': stops('protection-group'),
  'S0 stop, run': stops('run'),
  'S0 rollback, workgroup': both(rollsBack('workgroup'), undone('demote-source')),
  'S0 rollback, protection group': rollsBack('protection-group'),
  'S0 rollback, run: everything is as before': both(rollsBack('run'), ended('rolled-back')),
  'S0 rollback past the point of no return becomes a stop': applied(
    ({ action, because = '' }) => action.action === 'stop' && /no return/.test(because),
  ),
  'S0 undo fails: stuck': parked('stuck'),
  'S0 doubt, settled done': settled(({ done }) => done !== ''),
  'S0 doubt, settled absent: the policy is asked': settled(({ absent }) => absent.length > 0),
  'S0 doubt, unknowable: parked by name': both(
    settled(({ unknowable }) => unknowable.length > 0),
    parked('doubt'),
  ),
  'S0 a call that hangs ends at its deadline': outcome(({ faults }) =>
    faults.some(({ fault }) => fault.kind === 'timeout' && /by its deadline/.test(fault.message)),
  ),
  'S0 a worker dies in a task': outcome(({ faults }) =>
    faults.some(({ fault }) => fault.owner === 'engine' && /worker|thread/i.test(fault.message)),
  ),
  'S0 an operation fails after it was accepted': both(
    ({ entries }) => entries.some(({ type }) => type === 'task-accepted'),
    faultAt('sync'),
  ),
  'S0 a group fails whole': faultAt('demote-source', ['missing']),
  'S1 preference refused: no VM of the device migrates': both(
    faultAt('switch-site-preference'),
    ({ entries, frozen }) =>
      new Set(
        entries.flatMap((entry) =>
          entry.type === 'task-started' && frozen.steps[entry.step]?.name === 'live-migrate'
            ? [frozen.workgroups[entry.group]?.storage]
            : [],
        ),
      ).size === 1,
  ),
  'S1 migration refused: stopped alone': both(faultAt('live-migrate', ['refused']), stops('item')),
  'S1 migration run again: nobody who moved is touched': doneLater('live-migrate'),
  'S1 rolled back, nobody moved: the preference goes back': undone('switch-site-preference'),
  'S1 the fence of a lost side fails at first': both(
    faultAt('fence-lost-side'),
    doneLater('fence-lost-side'),
  ),
  'S2 what datastores hold cannot be read': faultAt('resolve-instances'),
  'S2 the choice is not taken': faultAt('resolve-instances', ['refused']),
  'S3 the reply of a migration is lost: settled done': settled(
    ({ done }, step) => step === 'live-migrate' && done !== '',
  ),
  'S3 a migration is cut: it is where it was, and goes again': both(
    faultAt('live-migrate', ['interrupted']),
    doneLater('live-migrate'),
  ),
  'S3 what stands at the destination cannot be asked': faultAt('adopt-migrated'),
  'S2 a copy that is made fails: the VM stays where it is': faultAt('mirror-disks'),
  'S2 nobody hears of the cut-over: settled done': settled(
    ({ done }, step) => step === 'cut-over' && done !== '',
  ),
  'S2 the source cannot be removed: it is tried again': both(
    faultAt('remove-source-disks'),
    doneLater('remove-source-disks'),
  ),
  'S6 in other hands: waited for': ({ entries }) =>
    entries.some((entry) => entry.type === 'claim-waits' && entry.runIds.length > 0),
  'S6 given up by the first: done by the one that waits': both(
    ended('abandoned'),
    ended('succeeded'),
    ({ entries }) => !entries.some(({ type }) => type === 'done-elsewhere'),
  ),
  'S6 done by another: skipped and named': ({ entries }) =>
    entries.some(({ type }) => type === 'done-elsewhere'),
  'S6 counted by another: not undone, stuck': both(
    ({ entries }) => entries.some(({ type }) => type === 'undo-refused'),
    parked('stuck'),
  ),
  'S6 every call arrives twice: one effect': ended('succeeded'),
  'S6 the same initiator again: counted as done': both(
    settled(({ done }) => done !== ''),
    ended('succeeded'),
  ),
};
