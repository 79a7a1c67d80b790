/**
 * This member's lease, and what it may do under it. The store's clock says when a lease is over;
 * our own clock, which nobody sets, says until when we may rely on ours: always sooner, because it
 * counts from before the question was sent.
 *
 * A lease that lapsed may have cost us our runs, or may not. Before anything is dispatched again
 * the keeper of the runs finds out (`confirm`).
 */
import type { Clock } from '../core/clock.ts';
import { leaseMarginMs, leaseMs } from '../core/limits.ts';
import { JournalError } from '../journal/journal.ts';
import type { Lease, Members } from '../journal/shared.ts';
import { pause } from './pause.ts';

/** A lease is renewed three times in its time; beyond half of it without, it was interrupted. */
const renewMs = leaseMs / 3;
const interruptedMs = leaseMs / 2;

/** Others had this much time to renew their own before anything of theirs is taken. */
const graceMs = 1.2 * leaseMs;

/** A member of our name that died has its lease for so long. */
const joinMsMax = 2 * leaseMs;

export interface LeaseParts {
  readonly members: Members;
  readonly clock: Clock;
  readonly memberId: string;
  readonly site: string;
  readonly addresses: readonly string[];
}

/** What the keeper of the runs does for the lease. */
export interface Keeper {
  /** Newest entry of the system stream that is acted on. */
  systemSeq(): number;
  /** After a lapse: catches up, and lets go of what others have taken. */
  confirm(): Promise<void>;
}

export class MemberLease {
  readonly memberId: string;
  readonly #parts: LeaseParts;
  /** Our own deadline; nothing is dispatched past it. */
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Since when renewals have followed each other without interruption, and the last of them. */
  #unbrokenSinceMs = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #confirmed = false;
  #draining = false;
  #lost = false;
  #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  #renewing: Promise<void> | undefined;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.memberId = parts.memberId;
  }

  /** Rejects with JournalError `in-use` when a member of this name goes on living. */
  async join(): Promise<void> {
    const { clock, members, memberId } = this.#parts;
    for (const endMs = clock.now() + joinMsMax; !(await members.join(this.#wanted)); ) {
      if (clock.now() > endMs) {
        const message =
          `Member "${memberId}" of this cluster is alive: ` +
          'give this daemon a name of its own (`member` in the configuration, or --member).';
        throw new JournalError('in-use', message);
      }
      await pause(clock, renewMs / 4);
    }
    this.#unbrokenSinceMs = clock.now();
  }

  /** Renews from now on. Resolves when dispatching is allowed for the first time. */
  async keep(keeper: Keeper): Promise<void> {
    this.#renewing = this.#renewAll(keeper);
    await this.granted();
  }

  get licensed(): boolean {
    return this.#confirmed && this.#parts.clock.now() < this.#untilMs;
  }

  /** Somebody asked this member to hand over what it has. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Its place was taken, or the lease ended: it takes no part any more. */
  get lost(): boolean {
    return this.#lost;
  }

  /** It gave its lease back. */
  get left(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Resolves when something may be dispatched, or when this member has left. */
  async granted(): Promise<void> {
    while (!this.licensed && !this.#closing.signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Whether others had the time to renew their leases since the store was last away. */
  get mayTake(): boolean {
    const now = this.#parts.clock.now();
    const fresh = now - this.#renewedMs < interruptedMs;
    return this.licensed && fresh && now - this.#unbrokenSinceMs > graceMs && !this.#draining;
  }

  /** Gives the lease back: others may take over at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#wakeAll();
    await this.#renewing;
    await this.#parts.members.leave(this.memberId).catch(() => {});
  }

  get #wanted(): Lease {
    const { memberId, site, addresses } = this.#parts;
    return { memberId, site, addresses, leaseMs };
  }

  async #renewAll(keeper: Keeper): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && !this.#lost) {
      await this.#renew(keeper).catch(() => {});
      await pause(this.#parts.clock, renewMs, signal);
    }
  }

  async #renew(keeper: Keeper): Promise<void> {
    const { clock, members } = this.#parts;
    const sentMs = clock.now();
    // What lapsed in the meantime is found here, before the lease looks sound again.
    if (sentMs >= this.#untilMs) this.#confirmed = false;
    const answer = await members.renew(this.#wanted, keeper.systemSeq());
    if (answer === undefined) {
      this.#lost = true;
      return;
    }
    if (clock.now() - this.#renewedMs > interruptedMs) this.#unbrokenSinceMs = clock.now();
    if (clock.now() >= this.#untilMs) this.#confirmed = false;
    this.#renewedMs = clock.now();
    this.#draining = answer.draining;
    this.#untilMs = sentMs + leaseMs - leaseMarginMs;
    if (!this.#confirmed) await keeper.confirm();
    this.#confirmed = true;
    if (this.licensed) this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
