/** MigrationService: where each VM of a plan really is, and which copy of a VM is the VM. */

import { Instance } from '../../proto/gen/siteswap/v1/inventory.ts';
import {
  Departure,
  Execution,
  type MigrateStorageRequest,
  MigrationServiceService,
  MigrationVerdict,
  type ResolveInstancesRequest,
  type VmMigration,
} from '../../proto/gen/siteswap/v1/migration.ts';
import type { VmMigration as Judged } from '../planner/migrated.ts';
import type { Engine } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { Problems } from './check.ts';
import { targetsPerRequestMax } from './limits.ts';
import { pageOf } from './pages.ts';
import { resolvedTo } from './translate-instances.ts';
import { departureWords, executionWords, instances, verdicts } from './vocabulary.ts';

const migrationTo = (judged: Judged): VmMigration => ({
  vmId: judged.vmId,
  sourceComputeId: judged.sourceComputeId ?? '',
  destinationComputeId: judged.destinationComputeId ?? '',
  migrationId: judged.migrationId ?? '',
  verdict: judged.verdict ? verdicts.encode(judged.verdict) : MigrationVerdict.UNSPECIFIED,
  remedy: judged.remedy,
  facts: judged.facts,
  execution: judged.execution ? executionWords.encode(judged.execution) : Execution.UNSPECIFIED,
  departure: judged.departure ? departureWords.encode(judged.departure) : Departure.UNSPECIFIED,
  problem: judged.problem,
});

const checkIds = (field: string, ids: readonly string[], problems: Problems): void => {
  if (ids.length === 0) problems.add(field, 'is empty');
  if (ids.length > targetsPerRequestMax) {
    problems.add(field, `holds more than ${targetsPerRequestMax}`);
  } else ids.forEach((id, at) => void problems.text(`${field}[${at}]`, id));
};

const migrateStorage = async (engine: Engine, request: MigrateStorageRequest) => {
  const { computeId, moves, requester, requestKey } = request;
  const problems = new Problems();
  problems.text('computeId', computeId);
  problems.text('requester', requester);
  problems.optionalText('requestKey', requestKey);
  if (moves.length === 0) problems.add('moves', 'is empty');
  if (moves.length > targetsPerRequestMax) {
    problems.add('moves', `holds more than ${targetsPerRequestMax}`);
  }
  moves.slice(0, targetsPerRequestMax).forEach(({ vmId, ...ends }, at) => {
    problems.text(`moves[${at}].vmId`, vmId);
    problems.optionalText(`moves[${at}].fromDatastoreId`, ends.fromDatastoreId);
    problems.text(`moves[${at}].toDatastoreId`, ends.toDatastoreId);
  });
  problems.end(computeId);
  const started = await engine.startStorageMigration({ computeId, moves, requester, requestKey });
  return { ...started, warnings: [...started.warnings] };
};

const resolve = async (engine: Engine, request: ResolveInstancesRequest) => {
  const { computeId, vmIds, instance } = request;
  const problems = new Problems();
  problems.text('computeId', computeId);
  checkIds('vmIds', vmIds, problems);
  const word = instance === Instance.UNSPECIFIED ? 'production' : instances.decode(instance);
  const wanted = problems.word('instance', word, instance, 'production');
  problems.end(computeId);
  const found = await engine.resolveInstances({ computeId, vmIds, instance: wanted });
  return { vms: found.map(resolvedTo) };
};

export const migrationService = (engine: Engine, calls: Calls): Service =>
  calls.service(MigrationServiceService, {
    getStatus: async (request) => {
      const { planId, vmIds } = request;
      const problems = new Problems();
      problems.text('planId', planId);
      problems.end(planId);
      const found = await engine.migrations({ planId, vmIds });
      const list = `migrations ${planId}`;
      const { items, nextPageToken } = pageOf(list, found, ({ vmId }) => vmId, request);
      return { migrations: items.map(migrationTo), nextPageToken };
    },
    migrateStorage: (request) => migrateStorage(engine, request),
    resolveInstances: (request) => resolve(engine, request),
  });
