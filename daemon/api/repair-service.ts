/** RepairService: what a plan's arrays really are, and having the journal believe it. */
import { type Inspection, RepairServiceService } from '../../proto/gen/siteswap/v1/repair.ts';
import type { Engine, Inspection as Inspected } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { Problems, required } from './check.ts';
import { markOf } from './passing.ts';
import { storedPlanTo } from './translate-plan.ts';
import { differenceKinds, planStates } from './vocabulary.ts';

const standingTo = ({ state, ...sites }: Inspected['believed']) => ({
  ...sites,
  state: planStates.encode(state),
});

const inspectionTo = (inspected: Inspected): Inspection => ({
  planId: inspected.planId,
  believed: standingTo(inspected.believed),
  found: inspected.found && standingTo(inspected.found),
  differences: inspected.differences.map(({ about, ...difference }) => ({
    ...difference,
    about: differenceKinds.encode(about),
  })),
  unclear: [...inspected.unclear],
  digest: inspected.digest,
  olderSiteId: inspected.olderSiteId ?? '',
});

export const repairService = (engine: Engine, calls: Calls): Service =>
  calls.service(RepairServiceService, {
    inspect: async ({ planId }) => ({
      inspection: inspectionTo(await engine.inspectPlan(required('planId', planId))),
    }),
    adopt: async ({ planId, requester, reason, digest, currentSiteId }, call) => {
      const problems = new Problems();
      problems.text('planId', planId);
      problems.text('requester', requester);
      problems.text('digest', digest);
      problems.optionalText('currentSiteId', currentSiteId);
      if (reason === '')
        problems.add('reason', 'is missing: it is journaled, for those who come later');
      problems.end(planId);
      const request = { planId, requester, reason, digest, currentSiteId, ...markOf(call) };
      return { plan: storedPlanTo(await engine.adoptPlan(request)) };
    },
  });
