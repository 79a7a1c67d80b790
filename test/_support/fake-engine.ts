/**
 * An engine that only remembers: enough behind the API to test the API. Runs are lists of entries
 * that a test appends; a run of a plan goes through one step and ends by itself. */
import type { Entry } from '../../daemon/core/entries.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { RemoteEvidence } from '../../daemon/core/inventory.ts';
import type { ItemReport, RunReport, RunView } from '../../daemon/core/view.ts';
import { packDevices, portionsOf } from '../../daemon/host/packed.ts';
import type { FrozenFound } from '../../daemon/planner/freeze.ts';
import type {
  DeviceRequest,
  Engine,
  EventPage,
  RemoteState,
  RunDescription,
  SiteState,
  StartRequest,
  StoredPlan,
} from '../../daemon/runner/service.ts';
import type { Device } from '../../sdk/plugin/model.ts';
import { emptyReport } from './fake-injections.ts';
import { FakeMoves, inspection } from './fake-recoveries.ts';
import {
  frozenRun,
  itemDone,
  remotes,
  runView,
  samplePlan,
  sites,
  startedAtMs,
} from './samples.ts';

const notFound = (reason: 'PLAN_NOT_FOUND' | 'RUN_NOT_FOUND' | 'SITE_NOT_FOUND', id: string) =>
  new SiteswapError(reason, `nothing has the id ${id}`, { subject: id });

export interface FakeRun {
  readonly description: RunDescription;
  readonly pages: EventPage[];
  view: RunView;
  items: ItemReport[];
  ended: boolean;
}

export class FakeEngine extends FakeMoves implements Engine {
  readonly plans = new Map<string, StoredPlan>();
  readonly inspectPlan = async () => inspection;
  readonly adoptPlan = async ({ planId }: { planId: string }) => this.getPlan(planId);
  readonly runs = new Map<string, FakeRun>();
  readonly requests: (StartRequest | DeviceRequest)[] = [];
  readonly cancelled: string[] = [];
  readonly resumed: { runId: string; decision: string }[] = [];
  devicesPerArray = 3;
  recordedAtMs = startedAtMs;
  held = false;
  /** Thrown by the next watches, one each, after their first page. */
  readonly watchFailures: unknown[] = [];
  /** How device runs go: ends by itself, or is left as it is. */
  deviceRuns: 'end' | 'park' | 'hang' = 'end';
  /** Describing a run is counted: events are translated once, not once per watcher. */
  described = 0;
  watches = 0;
  /** Watches that are open now, and pages that watchers have taken. */
  watching = 0;
  pagesTaken = 0;
  readonly #sites = new Map<string, SiteState>(sites.map((site) => [site.id, site]));
  #wakes: (() => void)[] = [];
  #count = 0;
  constructor() {
    super();
    this.plans.set('erp', this.#stored(samplePlan('erp'), 'ready'));
  }

  #stored(plan: StoredPlan['plan'], state: StoredPlan['state']): StoredPlan {
    return { plan, etag: `etag-${++this.#count}`, savedAtMs: startedAtMs, state };
  }

  #planOf(planId: string, etag?: string): StoredPlan {
    const stored = this.plans.get(planId);
    if (!stored) throw notFound('PLAN_NOT_FOUND', planId);
    if (etag !== undefined && etag !== stored.etag) {
      throw new SiteswapError('PLAN_CHANGED', 'the etag is an old one', { subject: planId });
    }
    return stored;
  }

  async createPlan(plan: StoredPlan['plan']): Promise<StoredPlan> {
    if (this.plans.has(plan.id)) {
      throw new SiteswapError('PLAN_EXISTS', `plan ${plan.id} is there`, { subject: plan.id });
    }
    const stored = this.#stored(plan, 'ready');
    this.plans.set(plan.id, stored);
    return stored;
  }

  async updatePlan(plan: StoredPlan['plan'], etag: string): Promise<StoredPlan> {
    this.#planOf(plan.id, etag);
    const stored = this.#stored(plan, 'ready');
    this.plans.set(plan.id, stored);
    return stored;
  }

  async deletePlan(planId: string, etag: string): Promise<void> {
    this.#planOf(planId, etag);
    this.plans.delete(planId);
  }

  getPlan(planId: string): StoredPlan {
    return this.#planOf(planId);
  }

  listPlans(): readonly StoredPlan[] {
    return [...this.plans.values()];
  }

  async validatePlan(plan: StoredPlan['plan']) {
    const problems =
      plan.protectionGroups.length === 0
        ? [{ field: 'protectionGroups', message: 'is empty: nothing would move' }]
        : [];
    return { problems, obstacles: [], warnings: [{ field: 'name', message: 'is short' }] };
  }

  async previewPlan(planId: string): Promise<FrozenFound> {
    this.#planOf(planId);
    return { frozen: frozenRun(planId), obstacles: [], warnings: [] };
  }

  async startRun(request: StartRequest) {
    this.requests.push(request);
    this.#planOf(request.planId);
    const { planId, mode, requester, requestKey } = request;
    const known = this.#sameRequest(requester, requestKey);
    if (known) return { runId: known, existing: true, warnings: [] };
    const runId = this.addRun({ planId, mode, requester, requestKey });
    queueMicrotask(() => this.finish(runId));
    return { runId, existing: false, warnings: [] };
  }

  async startDeviceRun(request: DeviceRequest) {
    this.requests.push(request);
    const { requester, requestKey, targets } = request;
    const known = this.#sameRequest(requester, requestKey);
    if (known) return { runId: known, existing: true };
    const itemIds = targets.map(({ id }) => id);
    const runId = this.addRun({ planId: '', mode: 'device', requester, requestKey, itemIds });
    queueMicrotask(() => {
      if (this.deviceRuns === 'end') this.finish(runId);
      if (this.deviceRuns === 'park') this.park(runId);
    });
    return { runId, existing: false };
  }

  #sameRequest(requester: string, requestKey: string): string | undefined {
    if (requestKey === '') return undefined;
    return [...this.runs.values()].find(
      ({ view }) => view.requester === requester && view.requestKey === requestKey,
    )?.view.runId;
  }

  /** A run that has just started; answers its id. */
  addRun(more: Partial<RunView> & { readonly itemIds?: readonly string[] } = {}): string {
    const runId = `run-${++this.#count}`;
    const { itemIds = ['cg-1', 'cg-2'], ...view } = more;
    const description: RunDescription = {
      runId,
      planId: view.planId ?? 'erp',
      mode: view.mode ?? 'planned',
      requester: view.requester ?? 'ann',
      initiatorId: 'initiator-1',
      startedAtMs,
      lostSites: ['east'],
      steps: ['sync', 'promote-target'],
      workgroups: [{ id: 's1', itemIds }],
    };
    const run: FakeRun = {
      description,
      pages: [],
      items: itemIds.map((itemId) => itemDone(itemId)),
      ended: false,
      view: { ...runView(runId, startedAtMs + this.#count), ...view },
    };
    this.runs.set(runId, run);
    // The body is never looked into: what is told of it comes from the description.
    this.appendBodies(runId, ['{"type":"run-started"}']);
    return runId;
  }

  /** More entries for a run, as one page. */
  append(runId: string, ...entries: readonly Entry[]): void {
    this.appendBodies(
      runId,
      entries.map((entry) => JSON.stringify(entry)),
      entries.some(({ type }) => type === 'run-ended'),
    );
  }

  appendBodies(runId: string, bodies: readonly string[], last = false): void {
    const run = this.#runOf(runId);
    const events = bodies.map((body, index) => ({ seq: run.view.cursor + index + 1, body }));
    run.view = { ...run.view, cursor: run.view.cursor + bodies.length };
    run.pages.push({ runId, events, last });
    if (last) run.ended = true;
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** One task that succeeds, and the end. */
  finish(runId: string): void {
    const task = { at: startedAtMs, group: 0, step: 0, direction: 'run', attempt: 1 } as const;
    const run = this.#runOf(runId);
    run.view = { ...run.view, status: 'ended', result: 'succeeded', endedAtMs: startedAtMs + 60 };
    this.append(
      runId,
      { ...task, type: 'task-started' },
      { ...task, type: 'task-outcome', done: '0-1', faults: [] },
      { type: 'run-ended', at: startedAtMs, result: 'succeeded' },
    );
  }

  park(runId: string): void {
    const run = this.#runOf(runId);
    run.view = { ...run.view, status: 'parked', attention: 'look at the array' };
    run.items = run.items.map((item) => ({ ...item, outcome: 'in-doubt', why: 'it cannot say' }));
    this.append(runId, { type: 'run-parked', at: startedAtMs, reason: 'doubt' });
  }

  #runOf(runId: string): FakeRun {
    const run = this.runs.get(runId);
    if (!run) throw notFound('RUN_NOT_FOUND', runId);
    return run;
  }

  async getRun(runId: string, detail: 'basic' | 'full'): Promise<RunView> {
    const { view } = this.#runOf(runId);
    return detail === 'full' ? view : { ...view, workgroups: [], notes: [] };
  }

  async describeRun(runId: string): Promise<RunDescription> {
    this.described++;
    return this.#runOf(runId).description;
  }

  listRuns(filter: { readonly planId?: string; readonly openOnly: boolean }) {
    return [...this.runs.values()]
      .map(({ view }) => view)
      .filter(({ planId }) => filter.planId === undefined || planId === filter.planId)
      .filter(({ status }) => !filter.openOnly || status !== 'ended');
  }

  async resumeRun(runId: string, { decision }: { decision: string }): Promise<void> {
    this.#runOf(runId);
    this.resumed.push({ runId, decision });
  }

  async cancelRun(runId: string): Promise<void> {
    this.#runOf(runId);
    this.cancelled.push(runId);
  }

  async reportRun(runId: string): Promise<RunReport> {
    const { view, items } = this.#runOf(runId);
    return { ...emptyReport, run: view, items };
  }

  async *watchRun(
    runId: string,
    cursor: number,
    signal: AbortSignal,
  ): AsyncGenerator<EventPage, void> {
    const run = this.#runOf(runId);
    this.watches++;
    if (cursor > run.view.cursor) {
      throw new SiteswapError('CURSOR_OUT_OF_RANGE', `no event ${cursor}`, { subject: runId });
    }
    this.watching++;
    try {
      yield* this.#pagesOf(run, cursor, signal);
    } finally {
      this.watching--;
    }
  }

  async *#pagesOf(run: FakeRun, cursor: number, signal: AbortSignal) {
    for (let at = 0; !signal.aborted; ) {
      const page = run.pages[at];
      if (page === undefined) {
        if (run.ended) return;
        await this.#more(signal);
        continue;
      }
      at++;
      const events = page.events.filter(({ seq }) => seq > cursor);
      if (events.length === 0) continue;
      this.pagesTaken++;
      yield events.length === page.events.length ? page : { ...page, events };
      if (this.watchFailures.length > 0) throw this.watchFailures.shift();
      if (page.last) return;
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wakes.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  listSites(): readonly SiteState[] {
    return [...this.#sites.values()];
  }

  async declareLost(siteId: string, declaredBy: string, reason: string): Promise<SiteState> {
    return this.#declare(siteId, { lost: true, declaredBy, reason });
  }

  async declareReachable(siteId: string, declaredBy: string, reason: string): Promise<SiteState> {
    return this.#declare(siteId, { lost: false, declaredBy, reason });
  }

  #declare(siteId: string, more: Partial<SiteState>): SiteState {
    const site = this.#sites.get(siteId);
    if (!site) throw notFound('SITE_NOT_FOUND', siteId);
    const changed = { ...site, ...more, sinceMs: startedAtMs };
    this.#sites.set(siteId, changed);
    return changed;
  }

  async listPlugins() {
    const lab = { id: 'lab', module: '@siteswap/plugin-lab', problem: 'made for contract 2' };
    return [{ ...lab, misconfigured: ['array west-array is not configured as it should be'] }];
  }

  listRemotes(): readonly RemoteState[] {
    return remotes;
  }

  async *discoverDevices(arrayId: string): AsyncGenerator<readonly Uint8Array[], void> {
    if (arrayId === 'west-array') {
      throw new SiteswapError('REMOTE_UNREACHABLE', 'no route to west-array', { subject: arrayId });
    }
    yield portionsOf(packDevices(this.#devices(), 500));
  }

  #devices(): Device[] {
    return Array.from({ length: this.devicesPerArray }, (_, index) => ({
      id: `dev-${index}`,
      name: `volume ${index}`,
      sizeBytes: 2 ** 40,
      direction: 'outgoing',
      access: 'read-write',
      pairState: 'synchronized',
      peer: { arrayId: 'west-array', deviceId: `dev-${index}` },
      groupId: 'cg-1',
    }));
  }

  async evidence(remoteId: string, fresh: boolean): Promise<RemoteEvidence> {
    const remote = remotes.find(({ id }) => id === remoteId);
    if (!remote || (fresh && remoteId === 'west-array')) {
      throw new SiteswapError('REMOTE_UNREACHABLE', `no route to ${remoteId}`);
    }
    const vms = ['vm-c', 'vm-a', 'vm-b'].map((id) => ({ id, name: id, datastoreIds: ['ds-1'] }));
    return {
      remote,
      observedAtMs: fresh ? Date.now() : this.recordedAtMs,
      arrays: [
        {
          id: remoteId,
          name: 'A',
          vendor: 'Acme',
          model: 'M',
          softwareVersion: '1',
          peerArrayIds: [],
        },
      ],
      devices: this.#devices(),
      vms: vms.map((vm) => ({ ...vm, power: 'on', instance: 'production' })),
      datastores: [
        { id: 'ds-1', name: 'data', devices: [], mounted: true, instance: 'production' },
      ],
    };
  }

  async querySync(_arrayId: string, targets: DeviceRequest['targets']) {
    return targets.map(({ id }) => ({ id, value: { id, state: 'complete' as const } }));
  }

  health() {
    const pool = { threads: 0, inFlight: 0, blocked: {} };
    return { journal: { held: this.held }, pool, openRuns: this.runs.size };
  }
}
