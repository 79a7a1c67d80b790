/** What a request names: found, or said not to be there. */
import { SiteswapError } from '../core/errors.ts';
import type { PlanRecord, SystemState } from '../core/system.ts';

/** Throws PLAN_NOT_FOUND. */
export const planNamed = (planId: string, { plans }: SystemState): PlanRecord => {
  const record = plans.get(planId);
  if (record !== undefined) return record;
  throw new SiteswapError('PLAN_NOT_FOUND', `no plan has the id "${planId}"`, { subject: planId });
};

/** Throws SITE_NOT_FOUND, which names those that there are. */
export const siteNamed = <S extends { readonly id: string }>(
  siteId: string,
  sites: readonly S[],
): S => {
  const site = sites.find(({ id }) => id === siteId);
  if (site !== undefined) return site;
  const known = sites.map(({ id }) => id).join(', ');
  const message = `there is no site "${siteId}": the configuration has ${known}`;
  throw new SiteswapError('SITE_NOT_FOUND', message, { subject: siteId });
};
