/**
 * A VM's own part in leaving for another compute. It looks for a migration between two writes,
 * starts the process at the target and goes on writing until that is ready; then it hands over.
 * It ends only when the other one has written: until then it can always take its seats back.
 */
import { readFileSync, statSync } from 'node:fs';
import { makeDirectory } from './durable.ts';
import { failure, faultOrUnknown } from './faults.ts';
import { migrationFile, vmDirectory, vmLog } from './layout.ts';
import { bootMsMax, handOverMsMax, killMsMax } from './limits.ts';
import { clearMarks, markStarted } from './marks.ts';
import { advance, arrivalOf, hasArrived, isOpen, type Migration, type VmAt } from './migration.ts';
import { isAlive, type ProcessRef, signalProcess, startDetached, waitUntil } from './processes.ts';

/** What became of a look: it stays, it stays after it had stopped writing, or it is gone. */
export type Went = 'stays' | 'returned' | 'gone';

export interface Seats {
  /** They become those of the process at the target. */
  readonly handTo: (process: ProcessRef) => Promise<void>;
  readonly takeBack: () => Promise<void>;
}

interface Under {
  readonly migration: Migration;
  readonly process: ProcessRef;
  readonly startedAt: number;
}

/** The newest record, read only when it has changed. */
const makeReader = ({ directory, instance, id }: VmAt): (() => Migration | undefined) => {
  const file = migrationFile(vmDirectory(directory, instance, id));
  let seen = '';
  let found: Migration | undefined;
  return () => {
    const stat = statSync(file, { throwIfNoEntry: false });
    const now = stat === undefined ? '' : `${stat.ino}/${stat.mtimeMs}`;
    if (now === seen) return found;
    seen = now;
    found = stat === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as Migration);
    return found;
  };
};

const atTarget = ({ to, vm: { instance, id } }: Migration): VmAt => ({
  directory: to.directory,
  instance,
  id,
});

const launch = async (migration: Migration): Promise<Under> => {
  const { id, from, to, vm } = migration;
  const there = vmDirectory(to.directory, vm.instance, vm.id);
  await makeDirectory(there);
  await markStarted(atTarget(migration), id, { from, to });
  const args = [to.directory, vm.instance, vm.id, vm.boot.bootId, from.directory, id];
  const process = startDetached('vm', args, vmLog(there));
  return { migration, process, startedAt: performance.now() };
};

const end = async (process: ProcessRef): Promise<void> => {
  signalProcess(process, 'SIGKILL');
  if (await waitUntil(() => !isAlive(process), killMsMax)) return;
  throw failure('busy', `process ${process.pid} at the target does not end`);
};

const open = ['asked', 'offered', 'taken'] as const;

const isGivenUp = (newest: Migration | undefined): boolean =>
  newest?.state === 'cancelled' || newest?.state === 'failed';

/** Stops writing, offers, and waits until the other one has written or cannot any more. */
const handOver = async (
  { migration, process }: Pick<Under, 'migration' | 'process'>,
  seats: Seats,
  read: () => Migration | undefined,
  lastAtMs: number,
): Promise<void> => {
  await seats.handTo(process);
  if (!(await advance(migration, ['asked'], { state: 'offered', lastAtMs }))) return;
  const over = (): boolean => hasArrived(migration) || !isAlive(process) || isGivenUp(read());
  await waitUntil(over, handOverMsMax);
};

export const makeDeparture = (at: VmAt, seats: Seats): ((lastAtMs: number) => Promise<Went>) => {
  const read = makeReader(at);
  let under: Under | undefined;

  // What cannot be noted now is tried again at the next look: the VM goes on meanwhile.
  const giveUp = async (migration: Migration, reason: string): Promise<void> => {
    await advance(migration, open, { state: 'failed', reason }).catch(() => undefined);
  };

  const goOver = async ({ migration, process }: Under, lastAtMs: number): Promise<Went> => {
    let reason = 'the process at the target did not take over';
    await handOver({ migration, process }, seats, read, lastAtMs).catch((error: unknown) => {
      reason = faultOrUnknown(error).message;
    });
    if (!hasArrived(migration)) await end(process);
    if (hasArrived(migration)) return 'gone';
    await clearMarks(atTarget(migration));
    await seats.takeBack();
    await giveUp(migration, reason);
    return 'returned';
  };

  return async (lastAtMs) => {
    const asked = read();
    if (under !== undefined && (under.migration.id !== asked?.id || !isOpen(asked))) {
      await end(under.process).catch(() => undefined);
      await clearMarks(atTarget(under.migration)).catch(() => undefined);
      under = undefined;
    }
    if (asked === undefined || !isOpen(asked)) return 'stays';
    under ??= await launch(asked).catch(() => undefined);
    const ready = arrivalOf(asked)?.phase === 'arriving';
    const late = under === undefined || performance.now() - under.startedAt > bootMsMax;
    if (under === undefined || !isAlive(under.process) || (!ready && late)) {
      if (under !== undefined) await end(under.process);
      await clearMarks(atTarget(asked)).catch(() => undefined);
      await giveUp(asked, 'no process could be started at the target');
      return 'stays';
    }
    return ready ? goOver(under, lastAtMs) : 'stays';
  };
};
