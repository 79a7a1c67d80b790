/**
 * The only door to a plugin call. A call to a lost site does not pass it; the injections that a
 * task carries are applied in it; and no call that passed it is waited for beyond its deadline, or
 * once its site is declared lost. What comes later than that is not heard.
 */
import { type Fault, FaultError } from '../../sdk/plugin/fault.ts';
import type { Page, PageRequest } from '../../sdk/plugin/model.ts';
import type {
  CallContext,
  ListingVerb,
  OperationStatus,
  Settlement,
  TargetVerb,
} from '../../sdk/plugin/verbs.ts';
import type { Clock } from '../core/clock.ts';
import type { AnyAnswer } from '../host/answers.ts';
import type { Host, Reply } from '../host/host.ts';
import { deadlineFault, lostFault } from './faults.ts';
import type { Injection } from './injection.ts';
import { applyAll, injectionsFor } from './injections/apply.ts';
import type { Target } from './injections/scene.ts';
import { Limit } from './limit.ts';
import { settledByRepeating } from './settle.ts';
import type { Wire } from './wire.ts';

export interface GatewayParts {
  readonly host: Host;
  readonly wire: Wire;
  readonly clock: Clock;
  /** Site of a remote; undefined: no such remote. */
  readonly siteOf: (remoteId: string) => string | undefined;
  /** Read anew before each entry into plugin code. */
  readonly isLost: (siteId: string) => boolean;
}

/** One job's use of the gateway. */
export interface Errand {
  readonly remoteId: string;
  readonly key: string;
  readonly attempt: number;
  readonly epoch: number;
  /** Milliseconds since the Unix epoch: no call is waited for beyond. */
  readonly deadlineMs: number;
  readonly injections: readonly Injection[];
  /** Ends the thread, for the injection of that name. */
  readonly crash: () => Promise<never>;
}

/** What is done through a door: what stands before it offers the same. */
export type Calls = Pick<Door, 'call' | 'settle' | 'poll' | 'list'>;

export class Gateway {
  readonly parts: GatewayParts;
  readonly #open = new Set<Door>();

  constructor(parts: GatewayParts) {
    this.parts = parts;
  }

  /** Opens the door for one job; the caller ends it. */
  door(errand: Errand): Door {
    const door = new Door(this.parts, errand, () => this.#open.delete(door));
    this.#open.add(door);
    return door;
  }

  /** The site was just declared lost: what is under way there is cut off. */
  siteLost(siteId: string): void {
    for (const door of this.#open) if (door.siteId === siteId) door.cutOff();
    this.parts.host.giveUp(siteId);
    this.parts.wire.siteLost(siteId);
  }
}

export class Door {
  readonly siteId: string;
  /** Verbs that were refused because the site is lost. */
  readonly refused = new Set<string>();
  readonly #parts: GatewayParts;
  readonly #errand: Errand;
  readonly #limit: Limit;
  readonly #leave: () => void;
  #calls = 0;

  constructor(parts: GatewayParts, errand: Errand, leave: () => void) {
    this.#parts = parts;
    this.#errand = errand;
    this.#leave = leave;
    this.siteId = parts.siteOf(errand.remoteId) ?? '';
    this.#limit = new Limit(parts.clock, errand.deadlineMs);
  }

  cutOff(): void {
    this.#limit.cut('lost');
  }

  /** The job is over: nothing is waited for any more. */
  end(): void {
    this.#limit.end();
    this.#leave();
  }

  /** One answer for each target, always: what stood in the way is a fault of each. */
  async call(
    verb: TargetVerb,
    targets: readonly Target[],
    args: object = {},
    share?: { readonly timeoutMs: number },
  ): Promise<readonly AnyAnswer[]> {
    if (targets.length === 0) return [];
    const first = this.#calls++ === 0;
    const injections = injectionsFor(this.#errand.injections, verb, first);
    const reply = await this.#bounded(verb, share, async (limit) => {
      const next = (some: readonly Target[]) => this.#pass(verb, some, args, limit);
      if (injections.length === 0) return { value: await next(targets) };
      const refusal = this.#admit(verb, limit);
      if (refusal !== undefined) return { fault: refusal };
      const sleep = (delayMs: number) => limit.sleep(delayMs);
      const crash = (): Promise<never> => {
        const gone = this.#errand.crash();
        this.end();
        return gone;
      };
      return { value: await applyAll(injections, { targets, next, sleep, crash }) };
    });
    return answersOf(reply, targets);
  }

  /** Throws FaultError when the remote could not be asked: then nothing new is known. */
  async settle(
    verb: TargetVerb,
    targets: readonly Target[],
    args: object = {},
  ): Promise<readonly Settlement[]> {
    if (targets.length === 0) return [];
    const { host } = this.#parts;
    const resolving = orThrow(await host.resolving(this.#errand.remoteId, verb));
    if (resolving === 'settle') {
      return orThrow(
        await this.#bounded(verb, undefined, (limit) =>
          host.settle({ ...this.#where(verb, limit), verb, targets, args }),
        ),
      );
    }
    if (resolving === 'repeat') {
      const repeated = await this.#bounded(verb, undefined, (limit) =>
        host.call({ ...this.#where(verb, limit), verb, targets, args }),
      );
      return orThrow(repeated).map(settledByRepeating);
    }
    if (resolving !== 'neither') return targets.map(({ id }) => ({ id, verdict: 'absent' }));
    const why = `the plugin can neither settle nor repeat ${verb}: look at the remote`;
    return targets.map(({ id }) => ({ id, verdict: 'unknowable', why }));
  }

  /** Throws FaultError when the remote could not be asked. */
  async poll(
    verb: TargetVerb,
    targets: readonly { readonly id: string; readonly operation: string }[],
  ): Promise<readonly OperationStatus[]> {
    const { host } = this.#parts;
    return orThrow(
      await this.#bounded(verb, undefined, (limit) =>
        host.poll({ ...this.#where(verb, limit), verb, targets }),
      ),
    );
  }

  list(verb: ListingVerb, page: PageRequest): Promise<Reply<Page<unknown>>> {
    const { host } = this.#parts;
    return this.#bounded(verb, undefined, (limit) =>
      host.list({ ...this.#where(verb, limit), verb, page }),
    );
  }

  async #pass(verb: TargetVerb, targets: readonly Target[], args: object, limit: Limit) {
    const { host } = this.#parts;
    const reply = await host.call({ ...this.#where(verb, limit), verb, targets, args });
    return answersOf(reply, targets);
  }

  /** The key names the verb too: a step may use several on the same target. */
  #where(verb: string, limit: Limit) {
    const { remoteId, key, attempt, epoch } = this.#errand;
    const { signal, deadlineMs } = limit;
    const context: CallContext = { key: `${key}/${verb}`, attempt, epoch, signal, deadlineMs };
    return { remoteId, context, admit: () => this.#admit(verb, limit) };
  }

  #admit(verb: string, limit: Limit): Fault | undefined {
    if (this.#parts.isLost(this.siteId)) {
      this.refused.add(verb);
      return lostFault(this.siteId, verb);
    }
    return limit.signal.aborted ? deadlineFault(this.#errand.remoteId, verb) : undefined;
  }

  async #bounded<T>(
    verb: string,
    share: { readonly timeoutMs: number } | undefined,
    work: (limit: Limit) => Promise<Reply<T>>,
  ): Promise<Reply<T>> {
    const limit = share === undefined ? this.#limit : this.#limit.part(share.timeoutMs);
    const reply = await Promise.race([work(limit), limit.reached]);
    if (limit !== this.#limit) limit.end();
    if (reply === 'lost') return { fault: lostFault(this.siteId, verb, 'under-way') };
    if (reply === 'deadline') return { fault: deadlineFault(this.#errand.remoteId, verb) };
    return reply;
  }
}

const orThrow = <T>(reply: Reply<T>): T => {
  if ('fault' in reply) throw new FaultError(reply.fault);
  return reply.value;
};

const answersOf = (
  reply: Reply<readonly AnyAnswer[]>,
  targets: readonly Target[],
): readonly AnyAnswer[] =>
  'value' in reply ? reply.value : targets.map(({ id }) => ({ id, fault: reply.fault }));
