/**
 * Injections as people switch them: their rules, whether they are on, and what came of them. Each
 * change is journaled; none outlives the daemon. Switching off is a barrier (decision 0033).
 * Source: US 9,658,934.
 */
import { briefOf } from '../../sdk/scenario/brief.ts';
import { type CallRule, isToxicRule, type Rule, type ToxicRule } from '../../sdk/scenario/rule.ts';
import type { Clock } from '../core/clock.ts';
import { SiteswapError } from '../core/errors.ts';
import type { PlacedRule } from '../gateway/wire.ts';
import type { Pool, RemoteConfig } from '../workers/pool.ts';
import { fitsTheWire } from '../workers/wire-board.ts';
import type { Catalog } from './catalog.ts';
import { checkRules } from './check-rules.ts';
import type { Draws } from './draws.ts';
import { Lines } from './lines.ts';
import type { RunLog } from './log.ts';

export interface InjectionRuleStatus {
  readonly name: string;
  readonly matched: number;
  readonly drawn: number;
  readonly hits: number;
  readonly note: string;
  /** What it is for and what happens, in short. */
  readonly about: string;
  /** Its time is over. */
  readonly over: boolean;
}

export interface InjectionStatus {
  readonly on: boolean;
  readonly seed: number;
  /** 0: nobody switched it since the daemon started. */
  readonly sinceMs: number;
  readonly requester: string;
  readonly reason: string;
  readonly untilMs?: number;
  readonly rules: readonly InjectionRuleStatus[];
  readonly carrying: number;
}

interface Switched {
  readonly on: boolean;
  readonly seed: number;
  readonly atMs: number;
  readonly requester: string;
  readonly reason: string;
  readonly untilMs?: number;
}

/** What a change leaves as it is stays away. */
interface Changed {
  readonly switched: Switched;
  readonly rules: readonly Rule[];
  readonly over: readonly Rule[];
}

interface InjectorParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly pool: Pool;
  readonly draws: Draws;
  readonly log: RunLog;
  readonly remotes: readonly RemoteConfig[];
  readonly sites: readonly { readonly id: string }[];
  /** This daemon among several. */
  readonly lease?: { readonly memberId: string };
  /** Whether a text holds a secret of the configuration. */
  readonly holdsSecret?: (text: string) => boolean;
}

/** Rules whose time is over that are kept for whoever looks afterwards. */
const overMax = 64;

/** Who acts when nobody does. */
const itself = 'siteswap';

export class Injector {
  readonly #parts: InjectorParts;
  readonly #lines = new Lines();
  #rules: readonly Rule[];
  /** Nothing is drawn from these any more; what they did is told. */
  #over: readonly Rule[] = [];
  #switched: Switched;
  readonly #wireHits = new Map<string, number>();
  #cancelExpiry: () => void = () => {};

  constructor(parts: InjectorParts) {
    this.#parts = parts;
    this.#rules = parts.draws.rules;
    const requester = parts.draws.on ? 'the configuration' : '';
    this.#switched = { on: parts.draws.on, seed: 1, atMs: 0, requester, reason: '' };
    if (parts.draws.on) parts.log.injections(true, requester, '', this.#rules.length);
  }

  get on(): boolean {
    return this.#switched.on;
  }

  get seed(): number {
    return this.#switched.seed;
  }

  rules(): readonly Rule[] {
    return this.#rules;
  }

  /** At boot: what was on when the daemon ended is off, and the journal says so. */
  async restore(): Promise<void> {
    const { catalog, clock, lease } = this.#parts;
    const set = catalog.state.injections.sets.get(lease?.memberId ?? '');
    if (set?.on !== true || catalog.held) return;
    const reason = 'the daemon was started anew: injections do not outlive it';
    await catalog.append([{ ...set, at: clock.now(), on: false, requester: itself, reason }]);
  }

  async enable(
    requester: string,
    reason: string,
    seed: number,
    forMs: number,
  ): Promise<InjectionStatus> {
    this.#expectNoSecret({ requester, reason });
    return this.#change(requester, () => {
      const atMs = this.#parts.clock.now();
      const { on, seed: seedNow, untilMs: untilNow } = this.#switched;
      // Who only says "on" does not mean to take away the end that somebody has set.
      const untilMs = forMs > 0 ? atMs + forMs : on ? untilNow : undefined;
      const until = untilMs === undefined ? {} : { untilMs };
      const seeded = seed === 0 ? seedNow : seed;
      return { switched: { on: true, seed: seeded, atMs, requester, reason, ...until } };
    });
  }

  /** Resolves when nothing is modified any more. */
  async disable(requester: string, reason: string): Promise<InjectionStatus> {
    this.#expectNoSecret({ requester, reason });
    // From this moment on nothing is drawn, whatever becomes of the entry.
    this.#parts.draws.stop();
    await this.#change(requester, () => {
      const { seed } = this.#switched;
      return { switched: { on: false, seed, atMs: this.#parts.clock.now(), requester, reason } };
    });
    await this.#parts.draws.idle();
    return this.status();
  }

  /** Those that are there already under a name are replaced, and counted anew. */
  add(requester: string, rules: readonly Rule[]): Promise<InjectionStatus> {
    const names = new Set(rules.map(({ name }) => name));
    return this.#change(requester, () => {
      const all = [...this.#rules.filter(({ name }) => !names.has(name)), ...rules];
      const fits = fitsTheWire(all.filter(isToxicRule).map((rule) => this.#placed(rule)));
      checkRules(rules, { ...this.#parts, nowMs: this.#parts.clock.now(), all, fits });
      for (const name of names) this.#wireHits.delete(name);
      return { rules: all, over: this.#over.filter(({ name }) => !names.has(name)) };
    });
  }

  /** Of no name: all. Throws RULE_NOT_FOUND. */
  remove(requester: string, names: readonly string[]): Promise<InjectionStatus> {
    return this.#change(requester, () => {
      const known = new Set([...this.#rules, ...this.#over].map(nameOf));
      const unknown = names.find((name) => !known.has(name));
      if (unknown !== undefined) {
        const message = `no rule has the name "${unknown}"`;
        throw new SiteswapError('RULE_NOT_FOUND', message, { subject: unknown });
      }
      const gone = new Set(names.length === 0 ? known : names);
      const left = (all: readonly Rule[]) => all.filter(({ name }) => !gone.has(name));
      return { rules: left(this.#rules), over: left(this.#over) };
    });
  }

  /** Those whose time is over are drawn from no more. */
  #retire(): Promise<InjectionStatus> {
    return this.#change(itself, () => {
      const now = this.#parts.clock.now();
      const isOver = ({ untilMs }: Rule) => untilMs !== undefined && untilMs <= now;
      const over = [...this.#over, ...this.#rules.filter(isOver)].slice(-overMax);
      return { rules: this.#rules.filter((rule) => !isOver(rule)), over };
    });
  }

  status(): InjectionStatus {
    const { atMs, ...switched } = this.#switched;
    const { draws, pool } = this.#parts;
    const wire = pool.wireHits();
    draws.look(pool.struck());
    return {
      ...switched,
      sinceMs: atMs,
      rules: [
        ...this.#rules.map((rule) => this.#statusOf(rule, wire)),
        ...this.#over.map((rule) => this.#statusOf(rule, wire, true)),
      ],
      carrying: draws.carrying,
    };
  }

  close(): void {
    this.#cancelExpiry();
  }

  /** What is journaled of who and why. */
  #expectNoSecret(said: Readonly<Record<string, string>>): void {
    const field = Object.keys(said).find((key) => this.#parts.holdsSecret?.(said[key] ?? ''));
    if (field === undefined) return;
    const message = 'holds a secret of the configuration';
    const violations = [{ field, message }];
    throw new SiteswapError('INVALID_REQUEST', `${field} ${message}`, { violations });
  }

  #statusOf(rule: Rule, wire: ReadonlyMap<string, number>, over = false): InjectionRuleStatus {
    const { name } = rule;
    const about = briefOf(rule);
    const ended = over ? ['its time is over'] : [];
    if (isToxicRule(rule)) {
      const hits = (this.#wireHits.get(name) ?? 0) + (wire.get(name) ?? 0);
      const notes = hits === 0 ? [...ended, 'no connection has passed it so far'] : ended;
      return { name, matched: 0, drawn: 0, hits, note: notes.join('; '), about, over };
    }
    const counts = this.#parts.draws.counts(name);
    const { matched, drawn, hits } = counts;
    const unmet = matched === 0 ? this.#unmetBy(rule) : '';
    const notes = [...ended, noteOf(matched, drawn, hits) + unmet].filter((one) => one !== '');
    return { name, ...counts, note: notes.join('; '), about, over };
  }

  /** Plans come later, and other members open runs: what is not known is told, not refused. */
  #unmetBy({ planId, runId }: CallRule): string {
    const { plans, runs } = this.#parts.catalog.state;
    if (planId !== undefined && !plans.has(planId)) return `: there is no plan ${planId} by now`;
    if (runId === undefined) return '';
    const run = runs.get(runId);
    if (run === undefined) return `: no run ${runId} is known here`;
    return run.closed === undefined ? '' : `: run ${runId} has ended`;
  }

  /** One after the other, each from what the one before it left. */
  #change(requester: string, to: () => Partial<Changed>): Promise<InjectionStatus> {
    const { catalog, clock, lease, log } = this.#parts;
    return this.#lines.run('injections', async () => {
      const { switched = this.#switched, rules = this.#rules, over = this.#over } = to();
      const { atMs: _, ...said } = switched;
      const by = lease === undefined ? {} : { member: lease.memberId };
      const at = clock.now();
      const entry = { type: 'injections-set', at, ...by, ...said, requester, rules } as const;
      if (switched.on) {
        catalog.expectNotHeld();
        await catalog.append([entry]);
      }
      this.#rules = rules;
      this.#over = over;
      this.#switched = switched;
      await this.#apply();
      if (!switched.on && !catalog.held) await catalog.append([entry]);
      log.injections(switched.on, requester, switched.reason, rules.length);
      return this.status();
    });
  }

  /** What is on from now on, at the wire in every thread. */
  async #apply(): Promise<void> {
    const { clock, draws, pool } = this.#parts;
    const { on, seed } = this.#switched;
    const now = clock.now();
    const live = this.#rules.filter(({ untilMs }) => untilMs === undefined || untilMs > now);
    // What is over is drawn from no more, and its counts go on: a call may still carry its draw.
    const known = [...this.#over, ...this.#rules];
    const calls = known.flatMap((rule) => (isToxicRule(rule) ? [] : [rule]));
    draws.set(on, calls, seed);
    const wire = on ? live.filter(isToxicRule).map((rule) => this.#placed(rule)) : [];
    // The pool counts anew from here on.
    for (const [rule, hits] of pool.wireHits()) {
      this.#wireHits.set(rule, (this.#wireHits.get(rule) ?? 0) + hits);
    }
    await pool.setWire(wire);
    this.#expireAt(now);
  }

  #placed({ name, siteId, remoteId, stream, toxicity, toxic }: ToxicRule): PlacedRule {
    const remoteIds = this.#parts.remotes
      .filter(
        (remote) =>
          (siteId === undefined || remote.siteId === siteId) &&
          (remoteId === undefined || remote.id === remoteId),
      )
      .map(({ id }) => id);
    return { name, seed: this.#switched.seed, stream, toxicity, toxic, remoteIds };
  }

  /** The next moment at which a rule, or all of it, has had its time. */
  #expireAt(now: number): void {
    const { clock } = this.#parts;
    this.#cancelExpiry();
    this.#cancelExpiry = () => {};
    if (!this.#switched.on) return;
    const { untilMs } = this.#switched;
    const due = [untilMs, ...this.#rules.map((rule) => rule.untilMs)].filter(
      (at): at is number => at !== undefined,
    );
    if (due.length === 0) return;
    const nextMs = Math.max(
      now,
      due.reduce((one, other) => Math.min(one, other)),
    );
    this.#cancelExpiry = clock.wakeAt(nextMs, () => {
      const over = untilMs !== undefined && nextMs >= untilMs;
      const expired = over ? this.disable(itself, 'its time was over') : this.#retire();
      expired.catch(() => {});
    });
  }
}

const nameOf = ({ name }: Rule): string => name;

const noteOf = (matched: number, drawn: number, hits: number): string => {
  if (matched === 0) return 'it has matched nothing so far';
  if (drawn === 0) return 'in scope, and never drawn so far';
  return hits === 0 ? 'drawn, and it has changed no call so far' : '';
};
