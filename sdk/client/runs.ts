/** Runs: started, watched, steered and reported. */
import {
  CancelRunRequest,
  type DeepPartial,
  GetRunRequest,
  ListRunsRequest,
  RunServiceService as methods,
  ReportRunRequest,
  ResumeRunRequest,
  type Run,
  RunDetail,
  type RunEvent,
  type RunReport,
  type RunSummary,
  StartRunRequest,
  type StartRunResponse,
  type WatchRunResponse,
} from '../../proto/gen/siteswap/v1/run.ts';
import { type CallOptions, type Channel, present } from './channel.ts';
import { pageSize } from './limits.ts';
import { collect, eachItem } from './pages.ts';
import { type WatchOptions, watchPages } from './watch.ts';

/** `client.runs` */
export class Runs {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Starts a run. With a request key, repeating the call returns the same run.
   *
   * @example
   * ```ts
   * const { runId, existing } = await client.runs.start({
   *   planId: 'erp',
   *   mode: Mode.PLANNED,
   *   requester: 'me',
   *   requestKey: 'move of 3 May',
   * });
   * console.log(runId, existing);
   * ```
   */
  async start(
    request: DeepPartial<StartRunRequest>,
    options?: CallOptions,
  ): Promise<StartRunResponse> {
    return this.#channel.unary(methods.startRun, StartRunRequest.fromPartial(request), options);
  }

  /**
   * A run as it is now. `RunDetail.BASIC` leaves workgroups and notes out.
   *
   * @example
   * ```ts
   * const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
   * const run = await client.runs.get(runId, { detail: RunDetail.BASIC });
   * for (const step of run.steps) console.log(step.name, step.workgroupsDone);
   * ```
   */
  async get(
    runId: string,
    { detail = RunDetail.FULL, ...options }: CallOptions & { readonly detail?: RunDetail } = {},
  ): Promise<Run> {
    const request = GetRunRequest.fromPartial({ runId, detail });
    const answer = await this.#channel.unary(methods.getRun, request, options);
    return present(answer.run, 'run');
  }

  /**
   * Runs, the newest first.
   *
   * @example
   * ```ts
   * for await (const run of client.runs.list({ openOnly: true })) {
   *   console.log(run.runId, run.planId, run.mode, run.status);
   * }
   * ```
   */
  list(
    filter: { readonly planId?: string; readonly openOnly?: boolean } = {},
    options?: CallOptions,
  ): AsyncGenerator<RunSummary, void> {
    return eachItem(async (pageToken) => {
      const request = ListRunsRequest.fromPartial({ ...filter, pageSize, pageToken });
      const answer = await this.#channel.unary(methods.listRuns, request, options);
      return { items: answer.runs, next: answer.nextPageToken };
    });
  }

  /**
   * Every event of a run from its beginning (or behind `cursor`) to its end, each exactly once, as
   * they happen. Broken connections and restarts of the daemon are bridged.
   *
   * @example
   * ```ts
   * const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
   * for await (const event of client.runs.watch(runId)) {
   *   console.log(event.cursor, event.type, event.workgroupId, event.step);
   * }
   * ```
   */
  async *watch(runId: string, options?: WatchOptions): AsyncGenerator<RunEvent, void> {
    for await (const page of watchPages(this.#channel, runId, options)) yield* page.events;
  }

  /**
   * As `watch`, in the portions in which the daemon sends, with the progress of long operations.
   *
   * @example
   * ```ts
   * const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
   * for await (const { events, progress } of client.runs.watchPages(runId)) {
   *   console.log(`${events.length} events`);
   *   for (const { itemId, fraction } of progress) console.log(itemId, `${fraction * 100} %`);
   * }
   * ```
   */
  watchPages(runId: string, options?: WatchOptions): AsyncGenerator<WatchRunResponse, void> {
    return watchPages(this.#channel, runId, options);
  }

  /**
   * Lets a parked or stuck run go on, by a person's decision and with other policies if wanted.
   *
   * @example
   * ```ts
   * for await (const run of client.runs.list({ openOnly: true })) {
   *   if (run.status !== RunStatus.PARKED) continue;
   *   await client.runs.resume({ runId: run.runId, requester: 'me', decision: Decision.RETRY });
   * }
   * ```
   */
  async resume(request: DeepPartial<ResumeRunRequest>, options?: CallOptions): Promise<void> {
    await this.#channel.unary(methods.resumeRun, ResumeRunRequest.fromPartial(request), options);
  }

  /**
   * Asks a run to stop. Calls in flight are waited for; the run parks and is never half-done.
   *
   * @example
   * ```ts
   * const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
   * await client.runs.cancel({ runId, requester: 'me', reason: 'wrong plan' });
   * ```
   */
  async cancel(request: DeepPartial<CancelRunRequest>, options?: CallOptions): Promise<void> {
    await this.#channel.unary(methods.cancelRun, CancelRunRequest.fromPartial(request), options);
  }

  /**
   * What became of every item, with recovery time and data loss; of an open run: so far.
   *
   * @example
   * ```ts
   * const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
   * await client.waitForRun(runId);
   * const report = await client.runs.report(runId);
   * console.log(report.recoveryTimeMs, report.dataLossMs, report.items.length);
   * ```
   */
  async report(runId: string, options?: CallOptions): Promise<RunReport> {
    let report: RunReport | undefined;
    const items = await collect(
      eachItem(async (pageToken) => {
        const request = ReportRunRequest.fromPartial({ runId, pageSize, pageToken });
        const answer = await this.#channel.unary(methods.reportRun, request, options);
        report = present(answer.report, 'report');
        return { items: report.items, next: answer.nextPageToken };
      }),
    );
    return { ...present(report, 'report'), items };
  }
}
