/** Failures on purpose: rules, switched on and off, and what came of them. */
import { ErrorDetail } from '../../proto/gen/siteswap/v1/error.ts';
import {
  AddInjectionRulesRequest,
  type DeepPartial,
  DisableInjectionsRequest,
  EnableInjectionsRequest,
  GetInjectionStatusRequest,
  type InjectionStatus,
  ListInjectionRulesRequest,
  type ListInjectionRulesResponse,
  InjectionServiceService as methods,
  RemoveInjectionRulesRequest,
  ReplayRunRequest,
  type ReplayRunResponse,
} from '../../proto/gen/siteswap/v1/injection.ts';
import { type CallOptions, type Channel, present } from './channel.ts';
import { CallError } from './errors.ts';

/** Past its deadline: what the general hint says of requests that start runs is no help here. */
const waitsOn = (error: CallError): CallError => {
  const { code, message, reason, owner, subject, callId } = error;
  const hint = 'Call it again: it waits on. The status tells what is on, and what is under way.';
  const detail = ErrorDetail.fromPartial({ reason, owner, subject, callId, hint });
  return new CallError(code, message, detail, error);
};

/** `client.injections`; all but `status` needs `connect`'s `injectorToken`. */
export class Injections {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Lets rules be drawn from. Say `forMs`, and it goes off by itself. Repeated without, it keeps
   * the end that is set.
   *
   * @example
   * ```ts
   * const reason = 'rehearsal of Friday';
   * await client.injections.enable({ requester: 'me', reason, seed: 7, forMs: 3_600_000 });
   * ```
   */
  async enable(
    request: DeepPartial<EnableInjectionsRequest>,
    options?: CallOptions,
  ): Promise<InjectionStatus> {
    const wanted = EnableInjectionsRequest.fromPartial(request);
    const answer = await this.#channel.unary(methods.enableInjections, wanted, options);
    return present(answer.status, 'status');
  }

  /**
   * Switches off; when it resolves nothing is modified any more. It waits for calls that carry a
   * draw: give it a deadline as long as they may take.
   *
   * @example
   * ```ts
   * await client.injections.disable({ requester: 'me' }, { deadlineMs: 600_000 });
   * ```
   */
  async disable(
    request: DeepPartial<DisableInjectionsRequest>,
    options?: CallOptions,
  ): Promise<InjectionStatus> {
    const wanted = DisableInjectionsRequest.fromPartial(request);
    try {
      const answer = await this.#channel.unary(methods.disableInjections, wanted, options);
      return present(answer.status, 'status');
    } catch (error) {
      throw error instanceof CallError && error.reason === 'DEADLINE' ? waitsOn(error) : error;
    }
  }

  /**
   * Adds rules; those under a name that is there already replace it.
   *
   * @example
   * ```ts
   * const effect = { type: InjectionEffectType.LOST_REPLY };
   * const rules = [{ name: 'reply lost', step: 'promote-target', nth: 1, effect }];
   * await client.injections.add({ requester: 'me', rules });
   * ```
   */
  async add(
    request: DeepPartial<AddInjectionRulesRequest>,
    options?: CallOptions,
  ): Promise<InjectionStatus> {
    const wanted = AddInjectionRulesRequest.fromPartial(request);
    const answer = await this.#channel.unary(methods.addInjectionRules, wanted, options);
    return present(answer.status, 'status');
  }

  /**
   * Takes rules away; without names all of them.
   *
   * @example
   * ```ts
   * await client.injections.remove({ requester: 'me', names: ['reply lost'] });
   * ```
   */
  async remove(
    request: DeepPartial<RemoveInjectionRulesRequest>,
    options?: CallOptions,
  ): Promise<InjectionStatus> {
    const wanted = RemoveInjectionRulesRequest.fromPartial(request);
    const answer = await this.#channel.unary(methods.removeInjectionRules, wanted, options);
    return present(answer.status, 'status');
  }

  /**
   * Every rule, as it was given, with the seed.
   *
   * @example
   * ```ts
   * const { rules } = await client.injections.rules();
   * console.log(rules.map(({ name }) => name));
   * ```
   */
  rules(options?: CallOptions): Promise<ListInjectionRulesResponse> {
    const request = ListInjectionRulesRequest.fromPartial({});
    return this.#channel.unary(methods.listInjectionRules, request, options);
  }

  /**
   * Whether injections are on, and what each rule did. Needs no token.
   *
   * @example
   * ```ts
   * const { on, rules } = await client.injections.status();
   * for (const { name, hits, note } of rules) console.log(on, name, hits, note);
   * ```
   */
  async status(options?: CallOptions): Promise<InjectionStatus> {
    const request = GetInjectionStatusRequest.fromPartial({});
    const answer = await this.#channel.unary(methods.getInjectionStatus, request, options);
    return present(answer.status, 'status');
  }

  /**
   * Rules that let another run meet the faults that this one met.
   *
   * @example
   * ```ts
   * const { rules, notes } = await client.injections.replay('4f1c');
   * for (const note of notes) console.log(note);
   * await client.injections.add({ requester: 'me', rules });
   * ```
   */
  replay(runId: string, options?: CallOptions): Promise<ReplayRunResponse> {
    const request = ReplayRunRequest.fromPartial({ runId });
    return this.#channel.unary(methods.replayRun, request, options);
  }
}
