/**
 * The suite's own small caller: one plugin session in this process, with what the daemon puts
 * around a call (key, deadline, abort, fault mapping) and a check of every answer.
 */

import { connect } from '../plugin/connect.ts';
import {
  type CallContext,
  type Evidence,
  type Fault,
  FaultError,
  fault,
  isSecret,
  type ListingCall,
  type ListingVerb,
  type OperationStatus,
  type Page,
  type PluginDefinition,
  type Settlement,
  type TargetVerb,
  type VerbCall,
} from '../plugin/index.ts';
import {
  checkAnswers,
  checkFault,
  checkOperations,
  checkPage,
  checkSettlements,
  isFault,
} from './answers.ts';
import { doing } from './doing.ts';
import { ClaimFailure, claim } from './failure.ts';
import type { RemoteFixture } from './fixture.ts';
import type { Bounds } from './limits.ts';
import { handlerOf, settlerOf } from './plugin.ts';

/** Any verb's target: its id is all that the suite itself needs. */
export interface Target {
  readonly id: string;
}

/** Any verb's answer. */
export interface RawAnswer {
  readonly id: string;
  readonly ok?: true;
  readonly evidence?: Evidence;
  readonly value?: unknown;
  readonly fault?: Fault;
  readonly accepted?: { readonly operation: string };
}

export interface CallOptions {
  readonly args?: object;
  /** Default: one that is newer than any before it. */
  readonly epoch?: number;
  /** Aborts the call, as a deadline or a cancelled run would. */
  readonly signal?: AbortSignal;
}

/** What the plugin says of something that was thrown; what it does not know is `unknown`. */
export const faultOfThrown = (definition: PluginDefinition, error: unknown): Fault => {
  if (error instanceof ClaimFailure) throw error;
  // By its shape: a plugin may carry a copy of the kit of its own, with another FaultError.
  const carried = (error as { readonly fault?: unknown } | null | undefined)?.fault;
  if (isFault(carried)) return carried;
  const mapped = definition.faultOf?.(error);
  if (mapped !== undefined) return mapped;
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  return fault('unknown', message, { owner: 'plugin' });
};

const secretsIn = (value: unknown): string[] => {
  if (isSecret(value)) return [value.reveal()];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(secretsIn);
};

/** One open session at one remote. */
export class Session {
  readonly remote: RemoteFixture;
  readonly #definition: PluginDefinition;
  readonly #session: unknown;
  readonly #bounds: Bounds;
  readonly #secrets: readonly string[];
  readonly #given: AbortController;

  private constructor(
    definition: PluginDefinition,
    remote: RemoteFixture,
    bounds: Bounds,
    opened: { session: unknown; secrets: readonly string[]; given: AbortController },
  ) {
    this.#definition = definition;
    this.remote = remote;
    this.#bounds = bounds;
    this.#session = opened.session;
    this.#secrets = opened.secrets;
    this.#given = opened.given;
  }

  /**
   * Throws ClaimFailure for a bad configuration, FaultError for what `open` itself could not do.
   */
  static async open(
    definition: PluginDefinition,
    remote: RemoteFixture,
    bounds: Bounds,
  ): Promise<Session> {
    const parsed = definition.config.safeParse(remote.config);
    claim(parsed.success, `config of ${remote.id}: ${parsed.error?.issues[0]?.message}`);
    const secrets = secretsIn(parsed.data);
    const given = new AbortController();
    const context = {
      config: parsed.data,
      remoteId: remote.id,
      siteId: remote.siteId,
      signal: given.signal,
      connect,
    };
    const what = `open of ${remote.id}`;
    doing({ call: what });
    try {
      const session = await bounded(
        what,
        Promise.resolve().then(() => definition.open(context)),
        bounds.callMsMax,
      );
      return new Session(definition, remote, bounds, { session, secrets, given });
    } catch (error) {
      const thrown = faultOfThrown(definition, error);
      checkFault('open', thrown);
      checkNoSecret('open', secrets, thrown);
      throw new FaultError(thrown);
    }
  }

  /** Answers per target; whatever the plugin throws is the fault of each of them. */
  async call(
    verb: TargetVerb,
    targets: readonly Target[],
    key: string,
    options: CallOptions = {},
  ): Promise<readonly RawAnswer[]> {
    const handler = handlerOf(this.#definition, verb);
    claim(handler !== undefined, `${verb} is not offered`);
    const answers = await this.#under(verb, options, (context) =>
      handler(this.#verbCall(context, targets, key, options)),
    ).catch((error: unknown) => {
      const thrown = faultOfThrown(this.#definition, error);
      return targets.map(({ id }) => ({ id, fault: thrown }));
    });
    checkNoSecret(verb, this.#secrets, answers);
    return checkAnswers<RawAnswer>(verb, targets, answers);
  }

  /** Asks what became of the operation that `key` and the targets name. */
  async settle(
    verb: TargetVerb,
    targets: readonly Target[],
    key: string,
    options: CallOptions = {},
  ): Promise<readonly Settlement[]> {
    const handler = settlerOf(this.#definition, verb);
    claim(handler !== undefined, `${verb} has no settle`);
    const answers = await this.#under(`settle of ${verb}`, options, (context) =>
      handler(this.#verbCall(context, targets, key, options)),
    ).catch((error: unknown) => {
      throw new ClaimFailure(
        `settle of ${verb} threw ${faultOfThrown(this.#definition, error).message}`,
      );
    });
    checkNoSecret(`settle of ${verb}`, this.#secrets, answers);
    return checkSettlements<Settlement>(verb, targets, answers);
  }

  /** One page of a listing. Throws FaultError. */
  async list<T>(verb: ListingVerb, page: ListingCall<unknown>['page']): Promise<Page<T>> {
    const handler = this.#definition.verbs[verb];
    claim(handler !== undefined, `${verb} is not offered`);
    const answer = await this.#under(verb, {}, async (context) =>
      handler({ ...context, key: '', session: this.#session, page }),
    ).catch((error: unknown) => {
      const thrown = faultOfThrown(this.#definition, error);
      checkFault(verb, thrown);
      checkNoSecret(verb, this.#secrets, thrown);
      throw new FaultError(thrown);
    });
    checkNoSecret(verb, this.#secrets, answer);
    checkPage(verb, page.sizeMax, answer);
    return answer as Page<T>;
  }

  /** Where accepted operations stand. */
  async poll(
    verb: TargetVerb,
    operations: readonly { readonly id: string; readonly operation: string }[],
    key: string,
  ): Promise<readonly OperationStatus[]> {
    const poll = this.#definition.operationStatus;
    claim(poll !== undefined, `${verb} was accepted, but the plugin has no operationStatus`);
    const answers = await this.#under('operationStatus', {}, async (context) =>
      poll({ ...context, key, session: this.#session, verb, targets: operations }),
    ).catch((error: unknown) => {
      throw new ClaimFailure(
        `operationStatus threw ${faultOfThrown(this.#definition, error).message}`,
      );
    });
    checkNoSecret('operationStatus', this.#secrets, answers);
    return checkOperations<OperationStatus>(operations, answers);
  }

  async close(): Promise<void> {
    this.#given.abort();
    const close = this.#definition.close;
    if (close === undefined) return;
    const what = `close of ${this.remote.id}`;
    doing({ call: what });
    await bounded(
      what,
      Promise.resolve().then(() => close(this.#session)),
      this.#bounds.callMsMax,
    );
  }

  #verbCall(
    context: Omit<CallContext, 'key'>,
    targets: readonly Target[],
    key: string,
    options: CallOptions,
  ): VerbCall<unknown, TargetVerb> {
    const call = { ...context, key, session: this.#session, targets, args: options.args ?? {} };
    return call as unknown as VerbCall<unknown, TargetVerb>;
  }

  /** Runs one call under its deadline; an aborted call must come back within its bound. */
  async #under<T>(
    what: string,
    options: CallOptions,
    run: (context: Omit<CallContext, 'key'>) => T | Promise<T>,
  ): Promise<T> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#bounds.callMsMax);
    const given = options.signal === undefined ? [] : [options.signal];
    const signal = AbortSignal.any([deadline.signal, ...given]);
    const context = {
      attempt: 1,
      epoch: options.epoch ?? Date.now(),
      signal,
      deadlineMs: Date.now() + this.#bounds.callMsMax,
    };
    doing({ call: what });
    const answer = Promise.resolve().then(() => run(context));
    const ended = answer.then(
      () => undefined,
      () => undefined,
    );
    try {
      await Promise.race([ended, abortOf(signal)]);
      return await bounded(`${what}, aborted,`, answer, this.#bounds.cancelMsMax);
    } finally {
      clearTimeout(timer);
    }
  }
}

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const checkNoSecret = (what: string, secrets: readonly string[], value: unknown): void => {
  const text = JSON.stringify(value) ?? '';
  for (const value of secrets) {
    claim(!text.includes(JSON.stringify(value).slice(1, -1)), `${what} gave a secret away`);
  }
};

/** Fails the claim when `promise` does not settle in time: nothing of the suite waits for ever. */
const bounded = async <T>(what: string, promise: Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ClaimFailure(`${what} did not come back within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
