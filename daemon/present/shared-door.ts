/**
 * The door to an array whose devices both sites share: everything passes as it is, but a status
 * shows the role that the record says.
 */
import type { DeviceStatus, TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { Presentation } from '../core/presentation.ts';
import type { Calls, Door } from '../gateway/gateway.ts';
import type { AnyAnswer } from '../host/answers.ts';
import { presentSharedStatus } from './shared.ts';

/** Shared device's id → site of its source, as recorded. */
export type Sources = Readonly<Record<string, string>>;

export class SharedDoor implements Calls {
  readonly #door: Door;
  readonly #presentation: Presentation;
  readonly #arrayId: string;
  readonly #sources: Sources;

  constructor(door: Door, presentation: Presentation, arrayId: string, sources: Sources) {
    this.#door = door;
    this.#presentation = presentation;
    this.#arrayId = arrayId;
    this.#sources = sources;
  }

  async call(
    verb: TargetVerb,
    ...asked: Parameters<Door['call']> extends [TargetVerb, ...infer Rest] ? Rest : never
  ): Promise<readonly AnyAnswer[]> {
    const answers = await this.#door.call(verb, ...asked);
    return verb === 'deviceStatus' ? answers.map((answer) => this.#shown(answer)) : answers;
  }

  settle(...asked: Parameters<Door['settle']>): ReturnType<Door['settle']> {
    return this.#door.settle(...asked);
  }

  poll(...asked: Parameters<Door['poll']>): ReturnType<Door['poll']> {
    return this.#door.poll(...asked);
  }

  list(...asked: Parameters<Door['list']>): ReturnType<Door['list']> {
    return this.#door.list(...asked);
  }

  #shown(answer: AnyAnswer): AnyAnswer {
    if (!('value' in answer)) return answer;
    const value = (answer.value as readonly DeviceStatus[]).map((status) => {
      const recorded = Object.hasOwn(this.#sources, status.id)
        ? this.#sources[status.id]
        : undefined;
      if (recorded === undefined) return status;
      return presentSharedStatus(this.#presentation, this.#arrayId, status, recorded);
    });
    return { ...answer, value };
  }
}
