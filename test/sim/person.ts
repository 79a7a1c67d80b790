/**
 * The person (and the recovery manager) in front of the daemon: starts runs, watches them, decides
 * when one is parked, declares a site lost, and asks again with the same key when nobody answered.
 */
import type { Decision } from '../../daemon/core/entries.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import type { Policy } from '../../daemon/core/policy.ts';
import type { DivergedChoice } from '../../daemon/core/recovery.ts';
import type { RunView } from '../../daemon/core/view.ts';
import type { RunningEngine } from '../../daemon/runner/engine.ts';
import type { Chance } from './chance.ts';
import { type Act, NoAnswer, siteOfRemote } from './computer.ts';
import type { History } from './history.ts';
import { type MoverParts, moveDisks } from './mover.ts';
import { runNeighbour } from './neighbour.ts';
import { resyncNowAndThen } from './resyncer.ts';
import type { Scenario, WayHome } from './scenario.ts';
import { drawPolicies, patient } from './scenario-policies.ts';
import type { SimTime } from './time.ts';

const requester = 'ann';

/** Times that a run may be parked before the person has everything mended. */
const patience = 5;

/** Times that something refused is tried again. */
const triesMax = 40;

/** What a plan is run for, once nothing is broken; the second, where the first is refused. */
const nextModes: Readonly<Record<string, readonly Mode[]>> = {
  tested: ['cleanup'],
  'failed-over': ['reprotect'],
  // All of it may have come: then there is nothing left to bring.
  'partly-failed-over': ['planned', 'reprotect'],
  'recovery-required': ['fence'],
};

type Policies = Readonly<Record<string, Policy>>;

export interface PersonParts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly history: History;
  /** The daemon, or several. */
  readonly daemons: { readonly ask: <T>(act: Act<T>) => Promise<T | Error> };
  readonly scenario: Scenario;
  /** Mends everything that is broken, for good. */
  readonly mend: () => void;
  /** The site that was lost answers again. */
  readonly bringBack: () => void;
}

export class Person {
  readonly #parts: PersonParts;
  readonly #cursors = new Map<string, number>();
  #runId: string | undefined;
  #mode: Mode = 'planned';
  /** Of the run that was started last. */
  #changes: DivergedChoice | undefined;
  #key = '';
  #starts = 0;
  #result: RunView['result'];
  #disaster: Promise<void> | undefined;

  constructor(parts: PersonParts) {
    this.#parts = parts;
  }

  async savePlan(): Promise<void> {
    const { plan } = this.#parts.scenario;
    await this.#insist('saves the plan', (engine) => engine.createPlan(plan));
  }

  /** Everything that the scenario has a person do. */
  async work(): Promise<void> {
    const { scenario, time, chance, history, mend } = this.#parts;
    const ask: MoverParts['ask'] = (what, act, quiet) => this.#ask(what, act, quiet);
    const { move, neighbour, resyncs } = scenario;
    const other = { time, chance: chance.fork('neighbour'), ask, history, mend };
    const beside = neighbour && runNeighbour(neighbour, other);
    const moved = move && moveDisks(move, { time, chance: chance.fork('move'), ask });
    const dora =
      resyncs && resyncNowAndThen(resyncs, { time, chance: chance.fork('resyncs'), ask });
    if (move?.first === true) await moved;
    for (const mode of scenario.script) {
      if (this.#disaster !== undefined) break;
      const view = await this.#carryOut(mode);
      if (view?.result !== 'succeeded' && view?.result !== 'incomplete') break;
    }
    await this.#disaster;
    await moved;
    await beside;
    await dora;
  }

  /** Cancels whatever runs. */
  async cancel(): Promise<void> {
    const runId = this.#runId;
    if (runId === undefined) return;
    await this.#ask('cancels', (engine) => engine.cancelRun(runId, requester, 'changed my mind'));
  }

  /** Asks one of several daemons to hand over what it does. */
  async drain(memberId: string): Promise<void> {
    await this.#ask(`drains ${memberId}`, (engine) => engine.drainMember(memberId));
  }

  /** The same request once more, as a client does that lost the answer. */
  async startAgain(): Promise<void> {
    if (this.#runId !== undefined) await this.#start(this.#mode, this.#key, {});
  }

  /** Declares the site lost that was the plan's protected one, and takes over. */
  loseSite(siteId: string): void {
    this.#disaster ??= this.#takeOver(siteId);
  }

  /** Nothing is broken now: whatever state the plan was left in, what comes next ends well. */
  async runAgain(): Promise<void> {
    const { history } = this.#parts;
    for (const done = new Set<Mode>(); ; ) {
      const modes = (await this.#next()).filter((mode) => !done.has(mode));
      const [mode, otherwise] = modes;
      if (mode === undefined) return;
      done.add(mode);
      history.note({ kind: 'person', what: 'runs again', said: mode });
      const changes = mode === 'reprotect' ? await this.#choice() : undefined;
      const view = await this.#carryOut(mode, patient, changes);
      if (view === undefined && otherwise !== undefined) continue;
      if (view === undefined) history.note({ kind: 'person', what: 'cannot run', said: mode });
      if (view?.result !== 'succeeded') return;
    }
  }

  /** Empty: the plan has come to rest, or one of its sites is still away. */
  async #next(): Promise<readonly Mode[]> {
    const { scenario } = this.#parts;
    const { state, lost } = await this.#insist('looks at the plan', async (engine) => ({
      state: engine.getPlan(scenario.plan.id).state,
      lost: engine.listSites().some((site) => site.lost),
    }));
    if (lost) return [];
    const wanting = this.#result === 'rolled-back' || this.#result === 'abandoned';
    if (state === 'ready') return this.#mode === 'planned' && wanting ? ['planned'] : [];
    return nextModes[state] ?? [];
  }

  /** After a disaster somebody has to say what becomes of data that went different ways. */
  async #choice(): Promise<DivergedChoice | undefined> {
    const { plan, home } = this.#parts.scenario;
    const left = await this.#insist('looks at recoveries', (engine) =>
      engine.listRecoveries({ planId: plan.id }),
    );
    return left.length === 0 ? undefined : (home?.changes ?? 'keep');
  }

  async #takeOver(siteId: string): Promise<void> {
    const { time, chance } = this.#parts;
    await time.sleep(chance.spread(1, 60_000));
    await this.#insist(`declares ${siteId} lost`, (engine) =>
      engine.declareLost(siteId, requester, 'flooded'),
    );
    await this.#carryOut('disaster');
    const { home } = this.#parts.scenario;
    if (home !== undefined) await this.#goHome(siteId, home);
  }

  /** The lost site is back: cuts off its old writers, protects it again, and fails over to it. */
  async #goHome(siteId: string, { changes, back }: WayHome): Promise<void> {
    const { time, chance, bringBack } = this.#parts;
    await time.sleep(chance.spread(1, 3_600_000));
    bringBack();
    await time.sleep(chance.spread(1, 60_000));
    await this.#insist(`declares ${siteId} reachable`, (engine) =>
      engine.declareReachable(siteId, requester, 'dry again'),
    );
    const modes: readonly Mode[] = ['fence', 'reprotect', ...(back ? ['planned' as const] : [])];
    for (const mode of modes) {
      const view = await this.#carryOut(mode, {}, mode === 'reprotect' ? changes : undefined);
      if (view?.result !== 'succeeded' && mode !== 'fence') return;
    }
  }

  /** Nothing runs any more: what the API says of each array now. */
  async lookAtArrays(): Promise<void> {
    for (const arrayId of ['lab-a', 'lab-b']) {
      const { devices, lost } = await this.#insist(`lists ${arrayId}`, async (engine) => ({
        devices: (await engine.evidence(arrayId, true)).devices,
        lost: engine.listSites().some(({ id, lost }) => lost && id === siteOfRemote(arrayId)),
      }));
      // What is recorded of a lost site says nothing of now.
      if (!lost) this.#parts.history.note({ kind: 'listed', arrayId, devices });
    }
  }

  async #carryOut(
    mode: Mode,
    policies: Policies = {},
    changes?: DivergedChoice,
  ): Promise<RunView | undefined> {
    const key = `request ${++this.#starts}`;
    this.#result = undefined;
    this.#changes = changes;
    const started = await this.#start(mode, key, policies);
    if (started === undefined) return undefined;
    this.#runId = started;
    this.#mode = mode;
    this.#key = key;
    for (let parks = 0, goesOn = true; ; parks++) {
      if (goesOn) await this.#follow(started);
      const view = await this.#atRest(started);
      if (view?.status === 'ended') {
        this.#result = view.result;
        return view;
      }
      goesOn = view === undefined || (await this.#decide(view, parks));
    }
  }

  /** Those who drive a run may hear later than others that it is at rest; else it goes on. */
  async #atRest(runId: string): Promise<RunView | undefined> {
    for (let looks = 0; looks < 2; looks++) {
      const view = await this.#look(runId);
      if (view !== undefined && isAtRest(view)) return view;
      await this.#parts.time.sleep(60_000);
    }
    return undefined;
  }

  /** The run's id, or undefined when it is refused for good. */
  async #start(mode: Mode, requestKey: string, policies: Policies): Promise<string | undefined> {
    const { time, chance, scenario } = this.#parts;
    const { id: planId } = scenario.plan;
    const chosen = this.#changes === undefined ? {} : { changes: this.#changes };
    const request = { planId, mode, requester, requestKey, policies, ...chosen };
    for (let tries = 1; tries <= triesMax; tries++) {
      const ask = () => this.#ask(`starts ${mode}`, (engine) => engine.startRun(request));
      // Where several would do it, two may be asked at the same moment.
      const asks = scenario.members && chance.hit(0.4) ? [ask(), ask()] : [ask()];
      const [said = new NoAnswer()] = await Promise.all(asks);
      if (!(said instanceof Error)) return said.runId;
      if (tries > patience) this.#parts.mend();
      if (said instanceof SiteswapError && said.reason === 'PLAN_STATE') return undefined;
      await time.sleep(chance.spread(100, 30_000));
    }
    return undefined;
  }

  /** Until the run is parked or has ended; from where the last watch stopped. */
  async #follow(runId: string): Promise<void> {
    for (;;) {
      const said = await this.#ask('watches', (engine) => this.#watch(engine, runId), true);
      if (said === true) return;
      if (said instanceof Error) await this.#parts.time.sleep(1_000);
    }
  }

  async #watch(engine: RunningEngine, runId: string): Promise<true> {
    const cursor = this.#cursors.get(runId) ?? 0;
    const { signal } = new AbortController();
    for await (const page of engine.watchRun(runId, cursor, signal)) {
      const seqs = page.events.map(({ seq }) => seq);
      if (seqs.length === 0) continue;
      this.#parts.history.note({ kind: 'events', runId, seqs });
      this.#cursors.set(runId, seqs.at(-1) as number);
      const types = page.events.map(({ body }) => (JSON.parse(body) as { type: string }).type);
      if (page.last || types.includes('run-parked')) break;
    }
    return true;
  }

  async #look(runId: string): Promise<RunView | undefined> {
    const said = await this.#ask(
      'looks',
      async (engine) => {
        const view = await engine.getRun(runId, 'full');
        const report = await engine.reportRun(runId);
        const description = await engine.describeRun(runId);
        return { kind: 'rest' as const, runId, view, report, description };
      },
      true,
    );
    if (said instanceof Error) return undefined;
    if (isAtRest(said.view)) this.#parts.history.note(said);
    return said.view;
  }

  /** Answers whether the run goes on by it. */
  async #decide(view: RunView, parks: number): Promise<boolean> {
    const { time, chance, mend } = this.#parts;
    if (parks >= patience) mend();
    await time.sleep(chance.spread(10, 120_000));
    const decision = this.#decisionOn(view, parks);
    if (decision === undefined) return false;
    const policies = parks < patience && chance.hit(0.3) ? drawPolicies(chance) : {};
    const { runId } = view;
    const resume = (engine: RunningEngine) =>
      engine.resumeRun(runId, { requester, decision, policies });
    const said = await this.#ask(`decides ${decision}`, resume);
    if (!(said instanceof Error)) return true;
    const now = await this.#look(runId);
    if (now === undefined || !isAtRest(now) || now.status === 'ended') return false;
    return this.#decide(now, parks + 1);
  }

  #decisionOn({ decisionsAllowed, status }: RunView, parks: number): Decision | undefined {
    const { chance } = this.#parts;
    if (decisionsAllowed.length === 0) return undefined;
    const often = this.#parts.scenario.undo === undefined || status !== 'stuck';
    const likely: readonly Decision[] = often
      ? ['retry', 'retry', 'retry', 'retry', 'rollback', 'rollback', 'skip']
      : ['skip', 'skip', 'skip', 'retry', 'rollback'];
    const wish: Decision = parks < 2 * patience ? chance.pick(likely) : 'abandon';
    const wanted: readonly Decision[] = [wish, 'retry', 'skip', 'rollback', 'abandon'];
    return wanted.find((decision) => decisionsAllowed.includes(decision));
  }

  /** Asks until it is done. */
  async #insist<T>(what: string, act: Act<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const said = await this.#ask(what, act);
      if (!(said instanceof Error)) return said;
      if (tries > patience) this.#parts.mend();
      if (tries > triesMax) throw said;
      await this.#parts.time.sleep(1_000);
    }
  }

  async #ask<T>(what: string, act: Act<T>, quiet = false): Promise<T | Error> {
    const { daemons, history } = this.#parts;
    const said = await daemons.ask(act);
    if (!quiet || said instanceof Error)
      history.note({ kind: 'person', what, said: wordsOf(said) });
    return said;
  }
}

const isAtRest = ({ status }: RunView): boolean =>
  status === 'ended' || status === 'parked' || status === 'stuck';

const wordsOf = (said: unknown): string => {
  if (said instanceof NoAnswer) return 'no answer';
  if (said instanceof SiteswapError) return `${said.reason}: ${said.message}`;
  if (said instanceof Error) return `${said}`;
  return said === undefined ? 'done' : JSON.stringify(said).slice(0, 120);
};
