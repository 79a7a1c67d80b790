/** One remote of the fixture, as claims use it: sessions come and go below it. */
import { randomUUID } from 'node:crypto';
import type {
  Evidence,
  Fault,
  ListingVerb,
  OperationStatus,
  PluginDefinition,
  readingVerbs,
  TargetVerb,
} from '../plugin/index.ts';
import { claim, show } from './failure.ts';
import type { Fixture, RemoteFixture } from './fixture.ts';
import { type Bounds, pagesMax } from './limits.ts';
import { type CallOptions, type RawAnswer, Session, type Target } from './session.ts';

export type KeyedOptions = CallOptions & { readonly key?: string };

/** What became of one target, accepted operations polled to their end. */
export interface Ended {
  readonly id: string;
  readonly fault?: Fault;
  readonly evidence?: Evidence;
  readonly value?: unknown;
}

/** A key that no operation ever had, in the form of the daemon's own. */
export const freshKey = (verb: string): string => `conformance-${randomUUID()}/${verb}/run/1`;

export class Remote {
  readonly fixture: RemoteFixture;
  readonly #definition: PluginDefinition;
  readonly #bounds: Bounds;
  readonly #wait: (ms: number) => Promise<void>;
  #session: Promise<Session> | undefined;

  constructor(
    definition: PluginDefinition,
    fixture: RemoteFixture,
    bounds: Bounds,
    hooks: Fixture['hooks'],
  ) {
    this.fixture = fixture;
    this.#definition = definition;
    this.#bounds = bounds;
    this.#wait = hooks?.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  async session(): Promise<Session> {
    this.#session ??= Session.open(this.#definition, this.fixture, this.#bounds);
    return this.#session;
  }

  /** The next call opens a new session, as after a restart of the daemon. */
  async forgetSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await (await session?.catch(() => undefined))?.close();
  }

  /** Answers as they come; nothing is polled. */
  async ask(
    verb: TargetVerb,
    targets: readonly Target[],
    options: KeyedOptions = {},
  ): Promise<readonly RawAnswer[]> {
    const session = await this.session();
    return session.call(verb, targets, options.key ?? freshKey(verb), options);
  }

  /** Calls, and polls what was accepted to its end. */
  async call(
    verb: TargetVerb,
    targets: readonly Target[],
    options: KeyedOptions = {},
  ): Promise<readonly Ended[]> {
    const key = options.key ?? freshKey(verb);
    const answers = await this.ask(verb, targets, { ...options, key });
    return this.finish(verb, key, answers);
  }

  /** Polls what was accepted to its end, bounded. */
  async finish(
    verb: TargetVerb,
    key: string,
    answers: readonly RawAnswer[],
  ): Promise<readonly Ended[]> {
    const ended = new Map<string, Ended>();
    let open = answers.flatMap(({ id, accepted }) =>
      accepted ? [{ id, operation: accepted.operation }] : [],
    );
    for (let waitedMs = 0; open.length > 0; waitedMs += this.#bounds.pollDelayMs) {
      claim(
        waitedMs <= this.#bounds.operationMsMax,
        `${verb} of ${open[0]?.id} was accepted and did not end in time`,
      );
      const states = await (await this.session()).poll(verb, open, key);
      for (const state of states) if (state.state !== 'running') ended.set(state.id, endOf(state));
      open = open.filter(({ id }) => !ended.has(id));
      if (open.length > 0) await this.#wait(this.#bounds.pollDelayMs);
    }
    return answers.map((answer) => ended.get(answer.id) ?? answer);
  }

  /** Calls to the end; every target must succeed. */
  async must(
    verb: TargetVerb,
    targets: readonly Target[],
    options: KeyedOptions = {},
  ): Promise<readonly Ended[]> {
    const ended = await this.call(verb, targets, options);
    mustBeDone(verb, ended);
    return ended;
  }

  /** A reading verb's value for one target; undefined: the remote says it is missing. */
  async value<T>(verb: (typeof readingVerbs)[number] & TargetVerb, target: Target) {
    const [answer] = await this.ask(verb, [target]);
    const fault = answer?.fault;
    claim(
      fault === undefined || fault.kind === 'missing',
      `${verb} of ${target.id} at ${this.fixture.id} failed: ${show(fault)}`,
    );
    return answer?.value as T | undefined;
  }

  /** Every item of a listing, bounded. */
  async all<T>(verb: ListingVerb, sizeMax: number): Promise<readonly T[]> {
    const session = await this.session();
    const found: T[] = [];
    const seen = new Set<string>();
    let token: string | undefined;
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = await session.list<T>(verb, {
        sizeMax,
        ...(token === undefined ? {} : { token }),
      });
      found.push(...page.items);
      if (page.next === undefined) return found;
      token = page.next;
      claim(!seen.has(token), `${verb} does not end: the page ${token} comes after itself`);
      seen.add(token);
    }
    claim(false, `${verb} does not end after ${pagesMax} pages`);
  }
}

export const mustBeDone = (verb: TargetVerb, ended: readonly Ended[]): void => {
  for (const { id, fault } of ended) {
    claim(fault === undefined, `${verb} of ${id} failed: ${show(fault)}`);
  }
};

const endOf = (state: OperationStatus): Ended => {
  if (state.state === 'failed') return { id: state.id, fault: state.fault };
  if (state.state === 'done' && state.evidence) return { id: state.id, evidence: state.evidence };
  return { id: state.id };
};
