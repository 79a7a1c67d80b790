/**
 * The only door to a plugin call. A call to a lost site does not pass it; the injections that a
 * task carries are applied in it; and no call that passed it is waited for beyond its deadline, or
 * once its site is declared lost. What comes later than that is not heard.
 */
import { type Fault, FaultError } from '../../sdk/plugin/fault.ts';
import type { PageRequest } from '../../sdk/plugin/model.ts';
import {
  type CallContext,
  isReading,
  type ListingVerb,
  type OperationStatus,
  type Settlement,
  type TargetVerb,
} from '../../sdk/plugin/verbs.ts';
import type { Clock } from '../core/clock.ts';
import type { Injection } from '../core/injection.ts';
import type { AnyAnswer, CheckedPage } from '../host/answers.ts';
import type { Host, Reply } from '../host/host.ts';
import { deadlineFault, lostFault, notAskedFault } from './faults.ts';
import { Injected, type Passing } from './injected.ts';
import { type Disguised, disguisedBy } from './injections/fail-later.ts';
import { Memory } from './injections/memory.ts';
import type { Said, Scene, Target } from './injections/scene.ts';
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
  /** Its answers are remembered, for reads that will be stale. */
  readonly remembers?: boolean;
  /** Ends the thread, for the injections of that name. */
  readonly crash: Scene['crash'];
  /** Hears at once of each rule that changed something. */
  readonly struck?: (rule: string) => void;
  /** Nothing may come of it: it looks, and settles where the plugin itself can tell. */
  readonly asksOnly?: boolean;
}

/** What is done through a door: what stands before it offers the same. */
export type Calls = Pick<Door, 'call' | 'settle' | 'poll' | 'list'>;

export class Gateway {
  readonly parts: GatewayParts;
  readonly #open = new Set<Door>();
  readonly #memory = new Memory();

  constructor(parts: GatewayParts) {
    this.parts = parts;
  }

  /** Opens the door for one job; the caller ends it. */
  door(errand: Errand): Door {
    const leave = () => this.#open.delete(door);
    const memory = errand.remembers ? this.#memory : undefined;
    const door: Door = new Door(this.parts, errand, leave, memory);
    this.#open.add(door);
    return door;
  }

  /** Nobody waits any more for what is under way: no deadline of it will come. */
  close(): void {
    for (const door of this.#open) door.end();
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
  /** Only when there is something to inject, or to remember for it. */
  readonly #injected: Injected | undefined;

  constructor(parts: GatewayParts, errand: Errand, leave: () => void, memory?: Memory) {
    this.#parts = parts;
    this.#errand = errand;
    this.#leave = leave;
    this.siteId = parts.siteOf(errand.remoteId) ?? '';
    this.#limit = new Limit(parts.clock, errand.deadlineMs);
    const { remoteId, injections, struck = () => {} } = errand;
    const crash: Scene['crash'] = (how) => {
      const gone = errand.crash(how);
      this.end();
      return gone;
    };
    if (injections.length > 0 || memory !== undefined) {
      this.#injected = new Injected({ remoteId, injections, memory, crash, struck });
    }
  }

  /** Names of the rules that did something here. */
  get injected(): readonly string[] {
    return this.#injected === undefined ? [] : [...this.#injected.used];
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
    if (this.#errand.asksOnly && !isReading(verb)) {
      return answersOf({ fault: notAskedFault(verb) }, targets);
    }
    const { host } = this.#parts;
    const reply = await this.#bounded(verb, share, (limit) =>
      this.#through<AnyAnswer>({ verb, asks: 'verb', targets, args, limit }, (some, more) =>
        host.call({ ...this.#where(verb, limit), verb, targets: some, args: more }),
      ),
    );
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
        await this.#asking('settle', verb, targets, args, (limit, some, more) =>
          host.settle({ ...this.#where(verb, limit), verb, targets: some, args: more }),
        ),
      );
    }
    if (resolving === 'repeat' && !this.#errand.asksOnly) {
      const repeat = async (limit: Limit, some: readonly Target[], more: object) => {
        const where = this.#where(verb, limit);
        const reply = await host.call({ ...where, verb, targets: some, args: more });
        return 'fault' in reply ? reply : { value: reply.value.map(settledByRepeating) };
      };
      return orThrow(await this.#asking('settle', verb, targets, args, repeat));
    }
    if (resolving === 'reading' || resolving === 'not-offered') {
      return targets.map(({ id }) => ({ id, verdict: 'absent' }));
    }
    const can = resolving === 'repeat' ? 'only repeat' : 'neither settle nor repeat';
    const why = `the plugin can ${can} ${verb}: look at the remote`;
    return targets.map(({ id }) => ({ id, verdict: 'unknowable', why }));
  }

  /** Throws FaultError when the remote could not be asked. */
  async poll(
    verb: TargetVerb,
    targets: readonly { readonly id: string; readonly operation: string }[],
  ): Promise<readonly OperationStatus[]> {
    const { host } = this.#parts;
    const real: { id: string; operation: string }[] = [];
    const disguised: OperationStatus[] = [];
    for (const { id, operation } of targets) {
      const truth = disguisedBy(operation);
      const status = truth && this.#disguise(id, truth);
      if (status !== undefined) disguised.push(status);
      else real.push({ id, operation: truth?.operation ?? operation });
    }
    if (real.length === 0) return disguised;
    const operationOf = new Map(real.map(({ id, operation }) => [id, operation]));
    const statuses = orThrow(
      await this.#asking('poll', verb, real, {}, (limit, some) => {
        const asked = some.map(({ id }) => ({ id, operation: operationOf.get(id) ?? '' }));
        return host.poll({ ...this.#where(verb, limit), verb, targets: asked });
      }),
    );
    return [...disguised, ...statuses];
  }

  /** How a failure that was put before an operation shows now; undefined: ask the remote. */
  #disguise(id: string, { fault, operation, evidence }: Disguised): OperationStatus | undefined {
    const drawn = this.#errand.injections.find(({ effect }) => effect === 'fail-later');
    if (drawn !== undefined) {
      this.#injected?.struck(drawn.rule);
      return { id, state: 'failed', fault };
    }
    if (operation !== undefined) return undefined;
    return { id, state: 'done', ...(evidence !== undefined && { evidence }) };
  }

  /** `packedBy`: devices come as bytes, in portions of so many, where nothing is injected. */
  list(verb: ListingVerb, page: PageRequest, packedBy?: number): Promise<Reply<CheckedPage>> {
    const { host } = this.#parts;
    const { remoteId } = this.#errand;
    return this.#bounded(verb, undefined, async (limit) => {
      const where = { ...this.#where(verb, limit), verb, page };
      if (this.#injected === undefined) return host.list({ ...where, packedBy });
      const list = () => host.list(where);
      const passing = { verb, asks: 'listing', targets: [{ id: remoteId }], args: {}, limit };
      const reply = await this.#through(passing as Omit<Passing, 'next' | 'admit'>, async () => {
        const answered = await list();
        return 'fault' in answered ? answered : { value: [{ id: remoteId, ...answered }] };
      });
      if ('fault' in reply) return reply;
      const [answer] = reply.value as readonly AnyAnswer[];
      if (answer !== undefined && 'fault' in answer) return { fault: answer.fault };
      return { value: (answer as { value: CheckedPage }).value };
    });
  }

  /** Past the injections, if there are any, to the host. */
  #through<A extends Said>(
    passing: Omit<Passing, 'next' | 'admit'>,
    pass: (targets: readonly Target[], args: object) => Promise<Reply<readonly A[]>>,
  ): Promise<Reply<readonly A[]>> {
    const { targets, args } = passing;
    if (this.#injected === undefined) return pass(targets, args);
    return this.#pastInjections(this.#injected, passing, pass);
  }

  async #pastInjections<A extends Said>(
    injected: Injected,
    passing: Omit<Passing, 'next' | 'admit'>,
    pass: (targets: readonly Target[], args: object) => Promise<Reply<readonly A[]>>,
  ): Promise<Reply<readonly A[]>> {
    const { verb, limit } = passing;
    const next: Scene['next'] = async (some, more) => {
      const reply = await pass(some, more);
      return 'value' in reply ? reply.value : some.map(({ id }) => ({ id, fault: reply.fault }));
    };
    const admit = () => this.#admit(verb, limit);
    return { value: (await injected.through({ ...passing, next, admit })) as readonly A[] };
  }

  /** A question about what was called: a fault of one of its answers is the fault of asking. */
  #asking<A extends Settlement | OperationStatus>(
    asks: 'settle' | 'poll',
    verb: TargetVerb,
    targets: readonly Target[],
    args: object,
    ask: (limit: Limit, targets: readonly Target[], args: object) => Promise<Reply<readonly A[]>>,
  ): Promise<Reply<readonly A[]>> {
    return this.#bounded(verb, undefined, async (limit) => {
      const passing = { verb, asks, targets, args, limit };
      const reply = await this.#through<A>(passing, (some, more) => ask(limit, some, more));
      if ('fault' in reply || this.#injected === undefined) return reply;
      const answers: readonly Said[] = reply.value;
      const unasked = answers.find((one) => 'fault' in one && !('state' in one));
      return unasked !== undefined && 'fault' in unasked ? { fault: unasked.fault } : reply;
    });
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
    return limit.isReached ? deadlineFault(this.#errand.remoteId, verb) : undefined;
  }

  async #bounded<T>(
    verb: string,
    share: { readonly timeoutMs: number } | undefined,
    work: (limit: Limit) => Promise<Reply<T>>,
  ): Promise<Reply<T>> {
    const limit = share === undefined ? this.#limit : this.#limit.part(share.timeoutMs);
    const reply = await limit.race(work(limit));
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
