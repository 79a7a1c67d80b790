/**
 * What one run knows of claims: asks how its objects stand among the runs that were opened before
 * it, says durably what it counts as done by them, and makes sure before it undoes anything that
 * nobody counts on that. It holds nothing that could not be asked again.
 *
 * Only one thing needs the order of the system stream: that a run is not undoing what another one
 * counts as done. Both say so there, ahead of acting on it, and whoever comes second gives way.
 */
import { pause } from '../cluster/pause.ts';
import { objectOf } from '../core/claims.ts';
import type { Clock } from '../core/clock.ts';
import {
  type Claim,
  type Claims,
  type DoneItems,
  judgeClaim,
  objectsWith,
} from '../core/engine/claims.ts';
import { isRestrained } from '../core/engine/decide.ts';
import type { Group, RunState } from '../core/engine/state.ts';
import { SiteswapError } from '../core/errors.ts';
import { claimLookMs } from '../core/limits.ts';
import type { Catalog } from './catalog.ts';
import type { Rivals } from './rivals.ts';

interface ClaimantParts {
  readonly state: RunState;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly rivals: Rivals;
  /** Runs of this daemon that are about to undo, whether or not the catalog knows. */
  readonly returning: Set<string>;
  /** There is something to be decided. */
  readonly wake: () => void;
}

const free: Claim = { kind: 'free' };

export class Claimant implements Claims {
  readonly #parts: ClaimantParts;
  readonly #rivals: readonly string[];
  /** What is known of others from before the run was opened may not be acted on. */
  readonly #sinceMs: number;
  /** Workgroups that have not begun, and what is known of them; undefined: not yet. */
  readonly #asked = new Map<number, Claim | undefined>();
  /** Workgroups in whose way nobody is, for good: what was released is not claimed again. */
  readonly #free = new Set<number>();
  /** Workgroups of which it is known who counts on them: nobody begins to any more. */
  readonly #cleared = new Set<number>();
  #fresh = false;
  #looking = false;
  #clearing = false;
  #stopped = false;

  constructor(parts: ClaimantParts) {
    this.#parts = parts;
    this.#rivals = parts.state.started.rivals ?? [];
    this.#sinceMs = parts.clock.now();
  }

  stop(): void {
    this.#stopped = true;
  }

  of(group: Group): Claim | undefined {
    if (this.#rivals.length === 0) return free;
    const begun = group.place > 0 || group.task.attempt > 0;
    if (begun || this.#free.has(group.index)) return free;
    const known = this.#asked.get(group.index);
    if (known === undefined) {
      this.#asked.set(group.index, undefined);
      this.#fresh = true;
    }
    // What else there is in the workgroup is asked about when this is through.
    else if (known.kind !== 'waits') this.#asked.delete(group.index);
    return known;
  }

  counted(group: Group): ReadonlyMap<number, string> | undefined {
    if (!this.#cleared.has(group.index)) return undefined;
    const counted = new Map<number, string>();
    const { catalog, state } = this.#parts;
    const by = catalog.state.claims.get(state.started.runId)?.by;
    if (by === undefined) return counted;
    for (const position of group.task.due) {
      const item = group.frozen.items[position];
      const runId = item && by.get(objectOf(group.frozen, item));
      if (runId !== undefined) counted.set(position, runId);
    }
    return counted;
  }

  pending(): Iterable<number> {
    const unclear = this.#unclear();
    return unclear.length === 0 ? this.#asked.keys() : [...this.#asked.keys(), ...unclear];
  }

  /** Asks whatever the last decision wanted to know. */
  ask(): void {
    if (this.#stopped) return;
    if (this.#asked.size > 0 && !this.#looking) {
      this.#looking = true;
      void this.#look();
    }
    if (!this.#clearing && this.#unclear().length > 0) {
      this.#clearing = true;
      void this.#clear();
    }
  }

  /** Workgroups that are to be undone, of which it is not known whether anybody counts on them. */
  #unclear(): readonly number[] {
    const { returning } = this.#parts.state;
    if (returning.size === 0) return [];
    return [...returning].filter((index) => !this.#cleared.has(index));
  }

  async #look(): Promise<void> {
    while (!this.#stopped && this.#asked.size > 0) {
      this.#fresh = false;
      const changed = await this.#lookOnce().catch(() => false);
      if (changed && !this.#stopped) this.#parts.wake();
      if (this.#fresh) continue;
      const open = [...this.#asked.values()];
      if (open.every((claim) => claim !== undefined && claim.kind !== 'waits')) break;
      await pause(this.#parts.clock, claimLookMs);
    }
    this.#looking = false;
  }

  /** True: something is to be decided anew. */
  async #lookOnce(): Promise<boolean> {
    const { state, rivals } = this.#parts;
    const states = await rivals.states(this.#rivals, this.#sinceMs);
    let changed = false;
    for (const [index, known] of [...this.#asked]) {
      if (known !== undefined && known.kind !== 'waits') continue;
      const group = state.groups[index] as Group;
      if (!(await this.#judge(group, known, states))) continue;
      state.agenda.add(index);
      changed = true;
    }
    return changed;
  }

  /** True: it is known now, or is not to be known any more. */
  async #judge(
    group: Group,
    known: Claim | undefined,
    rivals: readonly RunState[],
  ): Promise<boolean> {
    const waiting = group.standing === 'waiting' || group.standing === 'backoff';
    if (!waiting || isRestrained(this.#parts.state, group)) {
      this.#asked.delete(group.index);
      return true;
    }
    const claim = judgeClaim(this.#parts.state, group, rivals, this.#isCounted);
    if (JSON.stringify(claim) === JSON.stringify(known)) return false;
    if (claim.kind === 'done' && !(await this.#count(group, claim.items))) return false;
    if (claim.kind === 'free') {
      this.#free.add(group.index);
      this.#asked.delete(group.index);
    } else this.#asked.set(group.index, claim);
    return true;
  }

  readonly #isCounted = (runId: string, object: string): boolean => {
    const { catalog, state } = this.#parts;
    return catalog.state.claims.get(runId)?.by.get(object) === state.started.runId;
  };

  /** Says durably what is counted as done by runs that could still undo it. False: they are. */
  async #count(group: Group, done: readonly DoneItems[]): Promise<boolean> {
    const { catalog, clock, returning, state } = this.#parts;
    const byRunId = state.started.runId;
    for (const { byRunId: runId, positions } of done) {
      const all = objectsWith(state, group, positions);
      const objects = all.filter((object) => !this.#isCounted(runId, object));
      if (objects.length === 0 || catalog.state.runs.get(runId)?.closed !== undefined) continue;
      const still = () =>
        !returning.has(runId) && catalog.state.claims.get(runId)?.returning !== true;
      if (!still()) return false;
      const at = clock.now();
      try {
        await catalog.append([{ type: 'objects-counted', at, runId, byRunId, objects }], [], still);
      } catch (error) {
        if (error instanceof SiteswapError && error.reason === 'CATALOG_MOVED') return false;
        throw error;
      }
    }
    return true;
  }

  /**
   * Before anything is undone: whoever has begun after this run may count on what it did. From the
   * moment at which that is asked, nothing more of it is counted.
   */
  async #clear(): Promise<void> {
    const { catalog, clock, returning, state, wake } = this.#parts;
    const { runId } = state.started;
    const unclear = this.#unclear();
    try {
      await catalog.refresh();
      if (this.#hasYounger() && catalog.state.claims.get(runId)?.returning !== true) {
        returning.add(runId);
        await catalog.append([{ type: 'run-returning', at: clock.now(), runId }]);
      }
      for (const index of unclear) {
        this.#cleared.add(index);
        state.agenda.add(index);
      }
    } catch {
      await pause(this.#parts.clock, claimLookMs);
    }
    this.#clearing = false;
    if (!this.#stopped) wake();
  }

  #hasYounger(): boolean {
    const { catalog, state } = this.#parts;
    const { runId } = state.started;
    for (const { rivals } of catalog.state.openRuns.values()) {
      if (rivals?.includes(runId)) return true;
    }
    return false;
  }
}
