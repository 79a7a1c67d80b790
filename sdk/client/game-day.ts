/**
 * A game day: a test run under a scenario of injections, cleaned up after, and what it showed. Made
 * of the calls that every client has.
 */
import {
  type FaultKind,
  FaultOwner,
  Mode,
  PolicyActionType,
} from '../../proto/gen/siteswap/v1/common.ts';
import { ErrorDetail } from '../../proto/gen/siteswap/v1/error.ts';
import type {
  DeepPartial,
  InjectionRule,
  InjectionRuleStatus,
} from '../../proto/gen/siteswap/v1/injection.ts';
import {
  Decision,
  type Run,
  RunEventType,
  type RunReport,
  RunStatus,
} from '../../proto/gen/siteswap/v1/run.ts';
import type { SiteswapClient } from './connect.ts';
import { CallError } from './errors.ts';

export interface GameDayRequest {
  readonly planId: string;
  /** Of the scenario; journaled as the reason. */
  readonly name: string;
  readonly seed: number;
  readonly rules: readonly DeepPartial<InjectionRule>[];
  readonly requester: string;
  /** For each of its parts: the test, switching off, the cleanup. */
  readonly deadlineMs: number;
  /** Ends it early: injections are switched off, and the run that is under way goes on. */
  readonly signal?: AbortSignal;
  /** Told of the test and of the cleanup as they start, and waited for: to follow them. */
  readonly onRun?: (runId: string) => Promise<void>;
}

/** A fault, and what its policy made of it. */
export interface Reaction {
  readonly step: string;
  readonly workgroupId: string;
  readonly items: number;
  readonly kind: FaultKind;
  readonly code: string;
  readonly action: string;
  readonly because: string;
}

export interface GameDay {
  readonly run: Run;
  readonly report: RunReport;
  /** As it stood last: a cleanup may be parked, and then the test is not gone. */
  readonly cleanup: Run;
  readonly reactions: readonly Reaction[];
  /** What each rule did; those that did nothing say so. */
  readonly rules: readonly InjectionRuleStatus[];
  /** The plan's newest test without injections; absent: there was none. */
  readonly baseline?: RunReport;
}

const word = (type: PolicyActionType): string =>
  type.slice('POLICY_ACTION_TYPE_'.length).toLowerCase();

const reactionsOf = async (client: SiteswapClient, runId: string): Promise<Reaction[]> => {
  const reactions: Reaction[] = [];
  for await (const event of client.runs.watch(runId)) {
    if (event.type === RunEventType.POLICY_APPLIED) {
      for (const { itemIds, fault } of event.faults) {
        if (fault === undefined) continue;
        const { step, workgroupId, because, action } = event;
        const { kind, code } = fault;
        const did = word(action?.type ?? PolicyActionType.UNSPECIFIED);
        const items = itemIds.length === 0 ? event.itemsCount : itemIds.length;
        reactions.push({ step, workgroupId, items, kind, code, action: did, because });
      }
    }
    if (event.type === RunEventType.RUN_PARKED) break;
  }
  return reactions;
};

/** The report of the plan's newest test that ended and met no injection. */
const baselineOf = async (
  client: SiteswapClient,
  planId: string,
): Promise<RunReport | undefined> => {
  for await (const { runId, mode, status } of client.runs.list({ planId })) {
    if (mode !== Mode.TEST || status !== RunStatus.ENDED) continue;
    const report = await client.runs.report(runId);
    if (Object.keys(report.injected).length === 0) return report;
  }
  return undefined;
};

const waitFor = async (client: SiteswapClient, runId: string, request: GameDayRequest) => {
  const { deadlineMs, signal } = request;
  await request.onRun?.(runId);
  return client.waitForRun(runId, { deadlineMs, ...(signal && { signal }) });
};

/** What somebody else fails on purpose would be drawn too, and be off at the end. */
const expectNobodyElse = async ({ injections }: SiteswapClient): Promise<void> => {
  const { on, rules, requester } = await injections.status();
  if (!on && rules.every(({ over }) => over)) return;
  const message = on
    ? `injections are on already, by ${requester}: a game day has its own`
    : 'there are rules of injections already: a game day has its own';
  throw new CallError(
    'FAILED_PRECONDITION',
    message,
    ErrorDetail.fromPartial({
      reason: 'INJECTIONS_IN_USE',
      owner: FaultOwner.ENGINE,
      subject: 'injections',
      hint: 'Look at the status; keep the rules by an export, switch off, remove them.',
    }),
  );
};

/** Takes the test away again, whatever it came to. */
const cleanUp = async (client: SiteswapClient, run: Run, request: GameDayRequest): Promise<Run> => {
  const { planId, requester } = request;
  request.signal?.throwIfAborted();
  if (run.status !== RunStatus.ENDED) {
    const { runId } = run;
    await client.runs.resume({ runId, requester, decision: Decision.ABANDON });
  }
  const { runId } = await client.runs.start({ planId, mode: Mode.CLEANUP, requester });
  return waitFor(client, runId, request);
};

/**
 * Plays it: rules on, a test, rules off, the cleanup. Whatever goes wrong, injections are off and
 * the rules are gone when it ends; the first error is thrown. Where injections are on, or rules are
 * there, it does not begin: FAILED_PRECONDITION, INJECTIONS_IN_USE.
 *
 * @example
 * ```ts
 * const effect = { type: InjectionEffectType.LOST_REPLY };
 * const day = await playGameDay(client, {
 *   planId: 'erp',
 *   name: 'a lost reply',
 *   seed: 1,
 *   rules: [{ name: 'reply lost', step: 'power-on', nth: 1, effect }],
 *   requester: 'me',
 *   deadlineMs: 600_000,
 * });
 * console.log(day.reactions, day.report.recoveryTimeMs);
 * ```
 */
export const playGameDay = async (
  client: SiteswapClient,
  request: GameDayRequest,
): Promise<GameDay> => {
  const { planId, name, seed, requester, deadlineMs } = request;
  await expectNobodyElse(client);
  const baseline = await baselineOf(client, planId);
  const names = request.rules.map((rule) => rule.name ?? '');
  let rules: readonly InjectionRuleStatus[] = [];
  let run: Run;
  await client.injections.add({ requester, rules: [...request.rules] });
  try {
    const reason = `game day of plan ${planId}: ${name}`;
    await client.injections.enable({ requester, reason, seed, forMs: deadlineMs });
    request.signal?.throwIfAborted();
    const { runId } = await client.runs.start({ planId, mode: Mode.TEST, requester });
    run = await waitFor(client, runId, request);
  } finally {
    const status = await client.injections.disable({ requester }, { deadlineMs });
    rules = status.rules.filter((rule) => names.includes(rule.name));
    if (rules.length > 0) await client.injections.remove({ requester, names });
  }
  const reactions = await reactionsOf(client, run.runId);
  const cleanup = await cleanUp(client, run, request);
  const report = await client.runs.report(run.runId);
  return { run, report, cleanup, reactions, rules, ...(baseline && { baseline }) };
};
