/**
 * What two computes can say of a VM's live migration between them. The facts at the destination are
 * durable, because they are all that is left to judge by when the source is gone: the start is
 * recorded before the first byte moves, the completed mark before the guest goes on there.
 */

export const migrationStates = ['none', 'running', 'completed', 'failed', 'cancelled'] as const;

/** What a destination has of a VM now. */
export const executions = [
  'running',
  /** All of it has come over; it waits for the word to go on. */
  'paused-complete',
  /** A shell that receives, or would. It can never run. */
  'paused-incoming',
  'absent',
] as const;
export type Execution = (typeof executions)[number];

/** What a source has of a VM now. */
export const departures = [
  /** The guest runs, and is not on its way. */
  'running',
  /** The guest runs while its memory is copied. */
  'migrating',
  /** The guest stands still: the last of it is about to go over, or goes over. */
  'switching',
  /** All of it was received at the destination; the guest stands still here for good. */
  'handed-over',
  /** The guest stands still for a reason of its own. */
  'stopped',
  /** Nothing of it is here. */
  'gone',
] as const;
export type Departure = (typeof departures)[number];

/** Facts at the destination, each with the id of the migration that it is of. */
export interface MigrationArrival {
  readonly startedId?: string;
  readonly placeholder?: { readonly vmId: string; readonly migrationId: string };
  readonly completedId?: string;
  readonly execution: Execution;
}

/** The newest live migration of a VM, as one of its two computes knows it. */
export interface MigrationStatus {
  readonly state: (typeof migrationStates)[number];
  /** Compute that it comes from, and goes to. Absent with state `none`. */
  readonly fromComputeId?: string;
  readonly toComputeId?: string;
  /** 0–1. */
  readonly progress?: number;
  /**
   * Told by the compute that it goes to, which asks nobody else for it. Absent: nothing of a
   * migration to here is left, and what runs here was started here.
   */
  readonly arrival?: MigrationArrival;
  /** Told by the compute that it comes from. */
  readonly departure?: Departure;
}
