/** MigrationService: where each VM of a plan really is. */
import {
  Departure,
  Execution,
  MigrationServiceService,
  MigrationVerdict,
  type VmMigration,
} from '../../proto/gen/siteswap/v1/migration.ts';
import type { VmMigration as Judged } from '../planner/migrated.ts';
import type { Engine } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { Problems } from './check.ts';
import { pageOf } from './pages.ts';
import { departureWords, executionWords, verdicts } from './vocabulary.ts';

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
  });
