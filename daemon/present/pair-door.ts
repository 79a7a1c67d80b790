/**
 * The door to an array of presented pairs, or to a compute that mounts their devices: targets go
 * down under real ids, answers come up under those that were asked for. It translates and nothing
 * else: the ends were looked up for this very command, and what cannot be told apart is not sent.
 */
import { type Fault, FaultError } from '../../sdk/plugin/fault.ts';
import type { DeviceStatus, Settlement, TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { Calls, Door } from '../gateway/gateway.ts';
import type { AnyAnswer } from '../host/answers.ts';
import type { Ends } from './ends.ts';
import { Renaming } from './rename.ts';
import { addressing } from './table.ts';
import { type AnyTarget, Translation } from './translation.ts';

interface Sent {
  readonly id: string;
  readonly down: { readonly target: AnyTarget } | { readonly fault: Fault };
}

export class PairDoor implements Calls {
  readonly #door: Door;
  readonly #translation: Translation;
  readonly #renaming: Renaming;

  constructor(door: Door, arrayIds: readonly string[], ends: Ends) {
    this.#door = door;
    this.#translation = new Translation(arrayIds, ends);
    this.#renaming = new Renaming(ends.all());
  }

  async call(
    verb: TargetVerb,
    targets: readonly AnyTarget[],
    args: object = {},
    share?: { readonly timeoutMs: number },
  ): Promise<readonly AnyAnswer[]> {
    const sent = this.#down(verb, targets, 'guarded');
    const passed = realOf(sent);
    const answers = await this.#door.call(verb, passed, this.#translation.args(args), share);
    let at = 0;
    return sent.map(({ id, down }): AnyAnswer => {
      if ('fault' in down) return { id, fault: down.fault };
      return { ...this.#answer(verb, answers[at++] as AnyAnswer), id };
    });
  }

  async settle(
    verb: TargetVerb,
    targets: readonly AnyTarget[],
    args: object = {},
  ): Promise<readonly Settlement[]> {
    const sent = this.#down(verb, targets, 'asking');
    const passed = realOf(sent);
    const found = await this.#door
      .settle(verb, passed, this.#translation.args(args))
      .catch((error: unknown): never => this.#rethrow(error));
    let at = 0;
    return sent.map(({ id, down }): Settlement => {
      if ('fault' in down) return { id, verdict: 'unknowable', why: down.fault.message };
      const settled = found[at++] as Settlement;
      if (settled.verdict === 'unknowable') {
        return { ...settled, id, why: this.#renaming.text(settled.why) };
      }
      if (settled.verdict !== 'done' || settled.evidence === undefined) return { ...settled, id };
      return { ...settled, id, evidence: this.#renaming.evidence(settled.evidence) };
    });
  }

  async poll(
    verb: TargetVerb,
    targets: readonly { readonly id: string; readonly operation: string }[],
  ) {
    const asked = targets.map(({ id, operation }) => ({ id: this.#polled(verb, id), operation }));
    const statuses = await this.#door
      .poll(verb, asked)
      .catch((error: unknown): never => this.#rethrow(error));
    return statuses.map((status, at) => {
      const { id } = targets[at] as { readonly id: string };
      if (status.state === 'failed') {
        return { ...status, id, fault: this.#renaming.fault(status.fault) };
      }
      if (status.state !== 'done' || status.evidence === undefined) return { ...status, id };
      return { ...status, id, evidence: this.#renaming.evidence(status.evidence) };
    });
  }

  list(...asked: Parameters<Door['list']>): ReturnType<Door['list']> {
    return this.#door.list(...asked);
  }

  #down(verb: TargetVerb, targets: readonly AnyTarget[], how: 'guarded' | 'asking'): Sent[] {
    const translated = addressing[verb];
    return targets.map((target) => ({
      id: target.id,
      down:
        translated === 'none'
          ? { target }
          : translated === 'datastores'
            ? this.#translation.datastore(target)
            : this.#translation.group(verb, target, how),
    }));
  }

  #polled(verb: TargetVerb, id: string): string {
    if (addressing[verb] === 'none' || addressing[verb] === 'datastores') return id;
    const down = this.#translation.group(verb, { id }, 'asking');
    if ('fault' in down) throw new FaultError(down.fault);
    return down.target.id;
  }

  #answer(verb: TargetVerb, answer: AnyAnswer): AnyAnswer {
    if ('fault' in answer) return { ...answer, fault: this.#renaming.fault(answer.fault) };
    if ('ok' in answer && answer.evidence !== undefined) {
      return { ...answer, evidence: this.#renaming.evidence(answer.evidence) };
    }
    if (!('value' in answer)) return answer;
    if (verb === 'deviceStatus') {
      const statuses = answer.value as readonly DeviceStatus[];
      return { ...answer, value: statuses.map((status) => this.#translation.status(status)) };
    }
    if (verb !== 'syncStatus') return answer;
    const status = answer.value as { readonly id: string };
    return { ...answer, value: { ...status, id: this.#renaming.id(status.id) } };
  }

  #rethrow(error: unknown): never {
    if (!(error instanceof FaultError)) throw error;
    throw new FaultError(this.#renaming.fault(error.fault));
  }
}

const realOf = (sent: readonly Sent[]): readonly AnyTarget[] =>
  sent.flatMap(({ down }) => ('target' in down ? [down.target] : []));
