/** SiteService: the word of a person about a site. */
import { SiteServiceService } from '../../proto/gen/siteswap/v1/site.ts';
import type { Engine } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { Problems } from './check.ts';
import { siteTo } from './translate-inventory.ts';
import { recoveryTo } from './translate-recovery.ts';

interface Declaration {
  readonly siteId: string;
  readonly requester: string;
  readonly reason: string;
}

const check = ({ siteId, requester, reason }: Declaration): void => {
  const problems = new Problems();
  problems.text('siteId', siteId);
  problems.text('requester', requester);
  if (reason === '')
    problems.add('reason', 'is missing: it is journaled, for those who come later');
  problems.end(siteId);
};

export const siteService = (engine: Engine, calls: Calls): Service =>
  calls.service(SiteServiceService, {
    declareLost: async (request, { requestId }) => {
      check(request);
      const { siteId, requester, reason } = request;
      const warnings = await engine.lossWarnings(siteId, false);
      const site = siteTo(await engine.declareLost(siteId, requester, reason, requestId));
      return { site, warnings: [...warnings] };
    },
    checkLoss: async ({ siteId }) => {
      const problems = new Problems();
      problems.text('siteId', siteId);
      problems.end(siteId);
      return { warnings: [...(await engine.lossWarnings(siteId, true))] };
    },
    declareReachable: async (request, { requestId }) => {
      check(request);
      const { siteId, requester, reason } = request;
      const site = siteTo(await engine.declareReachable(siteId, requester, reason, requestId));
      const recoveries = await engine.listRecoveries({ siteId, recorded: true });
      return { site, recoveries: recoveries.map(recoveryTo) };
    },
    listRecoveries: async ({ planId, siteId }) => {
      const problems = new Problems();
      problems.optionalText('planId', planId);
      problems.optionalText('siteId', siteId);
      problems.end();
      const wanted = { ...(planId !== '' && { planId }), ...(siteId !== '' && { siteId }) };
      return { recoveries: (await engine.listRecoveries(wanted)).map(recoveryTo) };
    },
  });
