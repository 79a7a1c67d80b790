/**
 * Where a VM is after a fault in its migration, when both sides can be asked. A source that says
 * "completed" may say it of the VM's own arrival, and a destination that runs may not be the only
 * one: neither is believed without the other. Measured on QEMU, each row made for real.
 */
import type { Departure, Execution } from '../../sdk/plugin/migration.ts';
import type { LostVerdict } from './migration.ts';

export const sidesVerdicts = [
  'at-source',
  'at-destination',
  /** All of it is at the destination, and the source has let go; nobody runs it yet. */
  'transferred',
  /** Neither side has it: start it from its disks. */
  'lost',
  /** Both could run it: fence the source at the storage first. */
  'ambiguous',
  /** Both do run it. */
  'split-brain',
] as const;
export type SidesVerdict = (typeof sidesVerdicts)[number];
export type MigrationVerdict = LostVerdict | SidesVerdict;

type Row = Readonly<Record<Execution, SidesVerdict>>;

/** The guest runs at the source, or goes on there once the migration is given up. */
const atSource: Row = {
  running: 'split-brain',
  'paused-complete': 'at-source',
  'paused-incoming': 'at-source',
  absent: 'at-source',
};

const table: Readonly<Record<Departure, Row>> = {
  running: atSource,
  migrating: atSource,
  // Its acknowledgement is still out: the source may go on by itself, and so may the destination.
  switching: { ...atSource, running: 'ambiguous', 'paused-complete': 'ambiguous' },
  'handed-over': { ...atSource, running: 'at-destination', 'paused-complete': 'transferred' },
  stopped: { ...atSource, running: 'at-destination', 'paused-complete': 'ambiguous' },
  gone: {
    running: 'at-destination',
    'paused-complete': 'transferred',
    'paused-incoming': 'lost',
    absent: 'lost',
  },
};

/**
 * `completed`: the mark stands at the destination, so the guest may have gone on there. What the
 * source handed over is then older than the disks, and must never go on again.
 */
export const judgeSides = (
  departure: Departure,
  execution: Execution,
  completed: boolean,
): SidesVerdict => {
  const found = table[departure][execution];
  return completed && departure === 'handed-over' && found === 'at-source' ? 'lost' : found;
};

/** What a person, or a run, does about it. */
export const remedies: Readonly<Record<SidesVerdict, string>> = {
  'at-source': 'end the shell at the destination; let the guest go on at the source',
  'at-destination': 'leave it alone; end what is left at the source',
  transferred: 'let it go on at the destination; end what is left at the source',
  lost: 'start it from its disks',
  ambiguous: 'cut the source off at the storage, then let it go on at the destination',
  'split-brain': 'cut the source off at the storage at once, then end it there',
};
