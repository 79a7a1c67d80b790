/**
 * The record of a live migration: one durable file beside the VM at its source. It is open while
 * somebody drives it, who holds the VM's locks at both ends; an open one that nobody holds was left
 * by a driver that died, and is concluded by whoever asks next.
 */
import type { Departure, Evidence, MigrationStatus } from '@siteswap/sdk/plugin';
import type { Registered } from './compute.ts';
import { format, type Replaced, readJson, replaceJson, writeJson } from './durable.ts';
import type { Look } from './machine.ts';
import { migrationFile, type VmAt } from './places.ts';

/** A group at the arrays of both computes. */
export interface SwapRecord {
  readonly groupId: string;
  readonly fromArrayId: string;
  readonly toArrayId: string;
}

export interface Migration {
  readonly format: number;
  /** Made for each try. */
  readonly id: string;
  /** Of the call that asked for it. */
  readonly key: string;
  readonly fromComputeId: string;
  readonly toComputeId: string;
  readonly askedAtMs: number;
  readonly vm: Registered;
  readonly bootId: string;
  readonly state: 'open' | 'completed' | 'failed' | 'cancelled';
  /** The groups whose role goes along. */
  readonly swaps?: readonly SwapRecord[];
  /** Somebody wants it to end; its driver sees to it. */
  readonly unwanted?: true;
  /** Completed: how long the guest stood still. */
  readonly interruptionMs?: number;
  /** Failed: why. */
  readonly reason?: string;
}

export const readMigration = (source: VmAt): Promise<Migration | undefined> =>
  readJson<Migration>(migrationFile(source));

export const saveMigration = (source: VmAt, migration: Omit<Migration, 'format'>): Promise<void> =>
  writeJson(migrationFile(source), { format, ...migration } as Migration);

export const openMigration = (source: VmAt, migration: Migration): Promise<Replaced> =>
  replaceJson(migrationFile(source), migration);

export const evidenceOf = ({ bootId, interruptionMs = 0 }: Migration): Evidence => ({
  bootId,
  interruptionMs,
});

/** The states of QEMU in which a stream of its own is open. */
const copying: ReadonlySet<string> = new Set(['setup', 'active']);
const switching: ReadonlySet<string> = new Set(['pre-switchover', 'device']);

/** What the source has of a VM: its migration's status alone may speak of its own arrival. */
export const departureOf = ({ status, migration = '' }: Look): Departure => {
  if (status === 'gone') return 'gone';
  if (status === 'postmigrate') return 'handed-over';
  if (status === 'finish-migrate' || switching.has(migration)) return 'switching';
  if (status === 'running') return copying.has(migration) ? 'migrating' : 'running';
  return 'stopped';
};

/** Rough, but it only grows. */
const progressOf: Partial<Record<Departure, number>> = {
  running: 0.1,
  migrating: 0.3,
  switching: 0.8,
  'handed-over': 0.9,
  gone: 0.9,
};

export const statusOfDeparture = (migration: Migration, look: Look): MigrationStatus => {
  const { state, fromComputeId, toComputeId } = migration;
  const departure = departureOf(look);
  const told = { fromComputeId, toComputeId, departure };
  if (state !== 'open') return { state, ...told };
  return { state: 'running', progress: progressOf[departure] ?? 0.1, ...told };
};
