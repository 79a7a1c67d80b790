/**
 * Which of two copies of a VM is the VM, after a storage migration was cut off at any moment and
 * each datastore arrived as of a recovery point of its own: a total table over what stands at the
 * migration's source and at its destination.
 *
 * Where two copies could each be the newer one, the answer is a refusal: a person can look at both,
 * and nobody can take back that the wrong one was started.
 * Source: US 9,417,976 claim 1.
 */

/** What stands in a datastore, as far as one migration is concerned. */
export const instanceStates = [
  /** Neither files nor record. */
  'absent',
  /** The VM's files, and no record of this migration. */
  'no-record',
  'in-progress',
  'completed',
  'aborted',
  /** A record that is not as it was written. */
  'torn',
] as const;
export type InstanceState = (typeof instanceStates)[number];

/**
 * `stale`: a newer copy once existed, and its datastore arrived without it. `torn`: a record could
 * not be read, which does not change the choice.
 */
export type InstanceWarning = 'stale' | 'torn';

export interface Cell {
  readonly choose: 'source' | 'destination' | 'refuse';
  /** Only if the chosen copy's disks have the digest that its record names; refused otherwise. */
  readonly ifWhole?: true;
  readonly warning?: InstanceWarning;
  /** For people; one clause. */
  readonly why: string;
}

const cell = (
  choose: Cell['choose'],
  why: string,
  more: Pick<Cell, 'ifWhole' | 'warning'> = {},
): Cell => ({ choose, why, ...more });

const source = (why: string, more?: Pick<Cell, 'ifWhole' | 'warning'>): Cell =>
  cell('source', why, more);
const destination = (why: string, more?: Pick<Cell, 'ifWhole'>): Cell =>
  cell('destination', why, more);
const refuse = (why: string): Cell => cell('refuse', why);

const committed = destination('the migration was completed there: both copies were equal then');
const tornCopy = refuse('the destination\u2019s record is torn: it may have been the newer copy');
const twoCopies = refuse('two copies, and nothing says which is newer');

/** Source → destination → what is chosen. */
export const instanceTable: Readonly<Record<InstanceState, Readonly<Record<InstanceState, Cell>>>> =
  {
    absent: {
      absent: refuse('there is no copy at all'),
      'no-record': destination('the only copy, and no migration of it is on record'),
      'in-progress': destination('the only copy, and its disks are whole by their digest', {
        ifWhole: true,
      }),
      completed: committed,
      aborted: refuse('the only copy is one that was given up in the middle'),
      torn: refuse('the only copy has a torn record: it may be half a copy'),
    },
    'no-record': {
      absent: source('no migration had begun there, or none ever did'),
      'no-record': twoCopies,
      'in-progress': source('the migration had not completed; the source arrived from before it'),
      completed: committed,
      aborted: source('the migration was given up'),
      torn: tornCopy,
    },
    'in-progress': {
      absent: source('the migration had only begun'),
      'no-record': refuse('a migration runs, and the other copy does not belong to it'),
      'in-progress': source('the migration had not completed'),
      completed: committed,
      aborted: source('the migration was given up'),
      torn: tornCopy,
    },
    completed: {
      absent: source('the newer copy did not arrive', { ifWhole: true, warning: 'stale' }),
      'no-record': twoCopies,
      'in-progress': source('the newer copy arrived from before the migration completed', {
        ifWhole: true,
        warning: 'stale',
      }),
      completed: committed,
      aborted: refuse('one record says completed and the other one given up'),
      torn: tornCopy,
    },
    aborted: {
      absent: source('the migration was given up'),
      'no-record': twoCopies,
      'in-progress': source('the migration was given up'),
      completed: committed,
      aborted: source('the migration was given up'),
      torn: source('the migration was given up, so it had not completed', { warning: 'torn' }),
    },
    torn: {
      absent: refuse('the only copy has a torn record: it may have been taken apart'),
      'no-record': twoCopies,
      'in-progress': refuse('the source\u2019s record is torn, and the destination is half a copy'),
      completed: committed,
      aborted: source('the migration was given up, so the source was never taken apart', {
        warning: 'torn',
      }),
      torn: refuse('both records are torn'),
    },
  };
