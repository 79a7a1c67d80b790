/** PlanService: the engine keeps, judges and previews plans; here they are only translated. */
import {
  type Plan as PlanMessage,
  PlanServiceService,
  type ValidatePlanResponse,
} from '../../proto/gen/siteswap/v1/plan.ts';
import { SiteswapError } from '../core/errors.ts';
import type { Plan } from '../core/plan.ts';
import type { Engine, PlanFindings } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { Problems, required } from './check.ts';
import { pageOf, sortedBy } from './pages.ts';
import { planFrom, previewTo, storedPlanTo } from './translate-plan.ts';
import { planModes } from './vocabulary.ts';

/** Of a plan that cannot be read whole, everything that is wrong is told at once. */
const readPlan = async (engine: Engine, message: PlanMessage | undefined): Promise<Plan> => {
  const problems = new Problems();
  const plan = planFrom(message, problems);
  if (plan !== undefined && problems.violations.length > 0) {
    const { problems: all } = await validate(engine, message);
    problems.violations.splice(0, Infinity, ...all);
  }
  problems.end(message?.id);
  return plan as Plan;
};

/** Of a plan that cannot be read whole, what else stands in its way does not hide that. */
const judgedWith = async (engine: Engine, plan: Plan, unread: number): Promise<PlanFindings> => {
  try {
    return await engine.validatePlan(plan);
  } catch (error) {
    if (!(error instanceof SiteswapError) || unread === 0) throw error;
    const told = { field: '', message: `${error.message}. ${error.hint}` };
    return { problems: [], obstacles: [told], warnings: [] };
  }
};

const validate = async (
  engine: Engine,
  message: PlanMessage | undefined,
): Promise<ValidatePlanResponse> => {
  const problems = new Problems();
  const plan = planFrom(message, problems);
  if (plan === undefined)
    return { problems: [...problems.violations], obstacles: [], warnings: [] };
  const judged = await judgedWith(engine, plan, problems.violations.length);
  // Of a field that cannot be read, nothing more is worth saying.
  const unread = new Set(problems.violations.map(({ field }) => field));
  const more = judged.problems.filter(({ field }) => !unread.has(field));
  return {
    problems: [...problems.violations, ...more],
    obstacles: [...judged.obstacles],
    warnings: [...judged.warnings],
  };
};

export const planService = (engine: Engine, calls: Calls): Service =>
  calls.service(PlanServiceService, {
    createPlan: async ({ plan }, { requestId }) => ({
      plan: storedPlanTo(await engine.createPlan(await readPlan(engine, plan), requestId)),
    }),
    getPlan: ({ planId }) => ({
      plan: storedPlanTo(engine.getPlan(required('planId', planId))),
    }),
    listPlans: (request) => {
      const keyOf = ({ plan }: { plan: Plan }) => plan.id;
      const page = pageOf('plans', sortedBy(engine.listPlans(), keyOf), keyOf, request);
      return { plans: page.items.map(storedPlanTo), nextPageToken: page.nextPageToken };
    },
    updatePlan: async ({ plan, etag }, { requestId }) => {
      const read = await readPlan(engine, plan);
      const stored = await engine.updatePlan(read, required('etag', etag), requestId);
      return { plan: storedPlanTo(stored) };
    },
    deletePlan: async ({ planId, etag }, { requestId }) => {
      await engine.deletePlan(required('planId', planId), required('etag', etag), requestId);
      return {};
    },
    validatePlan: ({ plan }) => validate(engine, plan),
    previewPlan: async ({ planId, mode }) => {
      const problems = new Problems();
      problems.text('planId', planId);
      const word = problems.word('mode', planModes.decode(mode), mode, 'planned');
      problems.end(planId);
      return previewTo(await engine.previewPlan(planId, word));
    },
  });
