/** RunService: runs are started, watched, steered and reported. */
import {
  type CancelRunRequest,
  type ReportRunRequest,
  type ResumeRunRequest,
  RunDetail,
  RunServiceService,
  type StartRunRequest,
  WatchRunResponse,
} from '../../proto/gen/siteswap/v1/run.ts';
import type { RunSummary } from '../core/view.ts';
import type { Engine } from '../runner/service.ts';
import { type Call, type Calls, Encoded, type Service } from './calls.ts';
import { Problems, required } from './check.ts';
import { pageOf, sortedBy } from './pages.ts';
import { markOf } from './passing.ts';
import { EventEncoder } from './translate-events.ts';
import { policiesFrom } from './translate-policy.ts';
import { divergedFrom } from './translate-recovery.ts';
import { reportTo, runTo, summaryTo } from './translate-run.ts';
import { decisions, planModes } from './vocabulary.ts';

const start = (engine: Engine, request: StartRunRequest) => {
  const { planId, requester, requestKey } = request;
  const problems = new Problems();
  problems.text('planId', planId);
  problems.text('requester', requester);
  problems.optionalText('requestKey', requestKey);
  const mode = problems.word('mode', planModes.decode(request.mode), request.mode, 'planned');
  const policies = policiesFrom('policies', request.policies, problems);
  const changes = divergedFrom(request, problems);
  problems.end(planId);
  const choice = changes === undefined ? {} : { changes };
  return engine.startRun({ planId, mode, requester, requestKey, policies, ...choice });
};

const resume = (engine: Engine, request: ResumeRunRequest, call: Call): Promise<void> => {
  const { runId, requester } = request;
  const problems = new Problems();
  problems.text('runId', runId);
  problems.text('requester', requester);
  const given = request.decision;
  const decision = problems.word('decision', decisions.decode(given), given, 'retry');
  const policies = policiesFrom('policies', request.policies, problems);
  problems.end(runId);
  return engine.resumeRun(runId, { requester, decision, policies, ...markOf(call) });
};

const cancel = (engine: Engine, request: CancelRunRequest, call: Call): Promise<void> => {
  const problems = new Problems();
  problems.text('runId', request.runId);
  problems.text('requester', request.requester);
  problems.end(request.runId);
  const { runId, requester, reason } = request;
  return engine.cancelRun(runId, requester, reason, call.requestId);
};

const report = async (engine: Engine, request: ReportRunRequest) => {
  const whole = await engine.reportRun(required('runId', request.runId));
  // Items are named by what they are and where they stand: ids alone may repeat between the two.
  const keyOf = (item: (typeof whole.items)[number]) => `${item.unit}\n${item.itemId}`;
  const list = `report ${request.runId}`;
  const page = pageOf(list, sortedBy(whole.items, keyOf), keyOf, request);
  return { report: reportTo(whole, page.items), nextPageToken: page.nextPageToken };
};

/** Sorts the newest first, whatever else: start times have 13 digits until the year 2286. */
const newestFirst = ({ startedAtMs, runId }: RunSummary): string =>
  `${(10 ** 14 - Math.floor(startedAtMs)).toString().padStart(15, '0')}\n${runId}`;

const end = new Encoded(WatchRunResponse.encode({ events: [], progress: [], last: true }).finish());

/** The events of a run, encoded, to its end. */
export async function* watchRun(
  engine: Pick<Engine, 'watchRun'>,
  encoder: EventEncoder,
  request: { readonly runId: string; readonly cursor: number },
  { signal }: Call,
): AsyncGenerator<Encoded> {
  const runId = required('runId', request.runId);
  for await (const page of engine.watchRun(runId, request.cursor, signal)) {
    yield await encoder.encode(page);
    if (page.last) return;
  }
  // The caller had the last event already.
  if (!signal.aborted) yield end;
}

export const runService = (engine: Engine, calls: Calls): Service => {
  const encoder = new EventEncoder((runId) => engine.describeRun(runId));
  return calls.service(RunServiceService, {
    startRun: async (request) => {
      const { warnings, ...started } = await start(engine, request);
      return { ...started, warnings: [...warnings] };
    },
    getRun: async ({ runId, detail }) => {
      const wanted = detail === RunDetail.BASIC ? 'basic' : 'full';
      return { run: runTo(await engine.getRun(required('runId', runId), wanted)) };
    },
    listRuns: (request) => {
      const { planId, openOnly } = request;
      const runs = engine.listRuns({ ...(planId !== '' && { planId }), openOnly });
      const list = `runs ${openOnly} ${planId}`;
      const page = pageOf(list, sortedBy(runs, newestFirst), newestFirst, request);
      return { runs: page.items.map(summaryTo), nextPageToken: page.nextPageToken };
    },
    watchRun: (request, call) => watchRun(engine, encoder, request, call),
    resumeRun: async (request, call) => {
      await resume(engine, request, call);
      return {};
    },
    cancelRun: async (request, call) => {
      await cancel(engine, request, call);
      return {};
    },
    reportRun: (request) => report(engine, request),
  });
};
