/** The copies of VMs, and the choice among them, between core and wire. */
import type { MigrationRecord, ResolvedVm, VmCopy } from '../../proto/gen/siteswap/v1/migration.ts';
import { decodeRecord } from '../../sdk/plugin/migration-record.ts';
import type { FoundInstance } from '../../sdk/plugin/model.ts';
import type { ResolvedVm as Resolved } from '../runner/service.ts';
import { faultTo } from './translate-policy.ts';

const recordTo = (text: string): MigrationRecord | undefined => {
  const record = decodeRecord(text);
  if (record === undefined) return undefined;
  const { migrationId, sequence, role, state, source, destination } = record;
  const ends = { sourceDatastoreId: source, destinationDatastoreId: destination };
  return { migrationId, sequence, role, state, ...ends };
};

const copyTo = ({ datastoreId, disks, record: text }: FoundInstance): VmCopy => {
  const record = text === undefined ? undefined : recordTo(text);
  const recordTorn = text !== undefined && record === undefined;
  return { datastoreId, disks: [...disks], record, recordTorn };
};

const outcomeTo = ({ resolution }: Resolved): ResolvedVm['outcome'] => {
  switch (resolution.kind) {
    case 'chosen': {
      const { datastoreIds, why, warnings } = resolution;
      const value = { datastoreIds: [...datastoreIds], why, warnings: [...warnings] };
      return { $case: 'chosen', value };
    }
    case 'refused':
      return { $case: 'refused', value: resolution.why };
    case 'unproven':
      return { $case: 'refused', value: 'the disks could not be read to prove them whole' };
    case 'failed':
      return { $case: 'fault', value: faultTo(resolution.fault) };
  }
};

export const resolvedTo = (resolved: Resolved): ResolvedVm => ({
  vmId: resolved.vmId,
  copies: resolved.copies.map(copyTo),
  outcome: outcomeTo(resolved),
});
