/**
 * The indication of a storage migration that stands beside a VM's files, in both datastores, so
 * that replication carries it: after a failover it is all that tells which of two copies is the VM.
 *
 * A record is replaced whole (temporary file, sync, rename, sync of the directory) and carries a
 * sum of its own bytes: one that is not exactly as it was written is torn, and counts for nothing.
 * Source: US 9,417,976.
 */

export const migrationRoles = ['source', 'destination'] as const;
export type MigrationRole = (typeof migrationRoles)[number];

export const recordStates = ['in-progress', 'completed', 'aborted'] as const;
export type RecordState = (typeof recordStates)[number];

export interface MigrationRecord {
  /** Of the VM: the id inside its files, whatever the directory is called. */
  readonly vmId: string;
  readonly migrationId: string;
  /** Higher than that of every earlier migration of the VM. */
  readonly sequence: number;
  /** What the datastore that holds this record is in the migration. */
  readonly role: MigrationRole;
  readonly state: RecordState;
  /** Datastore ids. */
  readonly source: string;
  readonly destination: string;
  /** Names of the disks that move. */
  readonly disks: readonly string[];
  /** Of the disks' bytes when both copies were equal; empty until then. */
  readonly digest: string;
}

/** Where the record of a VM stands in a datastore. */
export const recordPathOf = (vmId: string): string =>
  `${recordsFolder}${encodeURIComponent(vmId)}/migration.json`;
export const recordsFolder = 'siteswap/vms/';

/** FNV-1a over UTF-16 units: tells a torn text, and is no protection against an author. */
const sumOf = (text: string): string => {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return sum.toString(16).padStart(8, '0');
};

export const encodeRecord = (record: MigrationRecord): string => {
  const body = JSON.stringify({
    vm_id: record.vmId,
    migration_id: record.migrationId,
    sequence: record.sequence,
    role: record.role,
    state: record.state,
    source: record.source,
    destination: record.destination,
    disks: record.disks,
    digest: record.digest,
  });
  return `${body}\n${sumOf(body)}\n`;
};

const isOneOf = <T extends string>(words: readonly T[], value: unknown): value is T =>
  (words as readonly unknown[]).includes(value);

const isText = (value: unknown): value is string => typeof value === 'string';

/** The record, or undefined: torn, or written by somebody who does not know the format. */
export const decodeRecord = (text: string): MigrationRecord | undefined => {
  const [body = '', sum, rest] = text.split('\n');
  if (rest !== '' || sum !== sumOf(body)) return undefined;
  const raw = JSON.parse(body) as Readonly<Record<string, unknown>>;
  const { vm_id: vmId, migration_id: migrationId, sequence, role, state } = raw;
  const { source, destination, disks, digest } = raw;
  if (!isText(vmId) || !isText(migrationId) || !isText(digest)) return undefined;
  if (!isText(source) || !isText(destination) || !Number.isSafeInteger(sequence)) return undefined;
  if (!isOneOf(migrationRoles, role) || !isOneOf(recordStates, state)) return undefined;
  if (!Array.isArray(disks) || !disks.every(isText)) return undefined;
  const moved = { source, destination, disks, digest };
  return { vmId, migrationId, sequence: Number(sequence), role, state, ...moved };
};

/**
 * The record that makes a cut-over final: what the engine handed to `cutOver`, with the digest that
 * the plugin has taken while the VM stood still.
 */
export const sealRecord = (text: string, digest: string): string => {
  const record = decodeRecord(text);
  if (record === undefined) throw new Error('the record to be sealed is torn');
  return encodeRecord({ ...record, state: 'completed', digest });
};

/**
 * The text of a VM's newest record among the small files of a datastore, by the id inside; of a
 * text that cannot be read its place has to tell, which is better than not to see it. `files`:
 * path → content. Undefined: there is none.
 */
export const recordAmong = (
  files: Readonly<Record<string, string>>,
  vmId: string,
): string | undefined => {
  let newest: { readonly text: string; readonly sequence: number } | undefined;
  for (const [path, text] of Object.entries(files)) {
    if (!path.startsWith(recordsFolder)) continue;
    const record = decodeRecord(text);
    if (record?.vmId !== vmId || record.sequence < (newest?.sequence ?? 0)) continue;
    newest = { text, sequence: record.sequence };
  }
  const own = files[recordPathOf(vmId)];
  const torn = own !== undefined && decodeRecord(own) === undefined ? own : undefined;
  return torn ?? newest?.text;
};
