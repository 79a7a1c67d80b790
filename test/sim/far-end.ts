/**
 * Stands between the plugin and the lab's world, where the network is: sees every request arrive,
 * may be slow with an answer or lose it, and lets nothing of a dead daemon or thread pass.
 */

import { createLabPlugin, type LabSession } from '../../plugins/lab/index.ts';
import { type Lab, newLab } from '../../plugins/lab/lab.ts';
import { newestEpoch } from '../../plugins/lab/ledger.ts';
import { inlinePort, type Port } from '../../plugins/lab/port.ts';
import type { Request } from '../../plugins/lab/requests.ts';
import { type LabOptions, labSpec } from '../../plugins/lab/spec.ts';
import type { Chance } from './chance.ts';
import type { History } from './history.ts';
import { type Mortal, never } from './mortal.ts';
import type { SimTime } from './time.ts';

export interface Network {
  /** Share of answers that are lost on the way back. */
  lostRate: number;
  /** Share of answers that are late, and by how much at most. */
  slowRate: number;
  slowMsMax: number;
}

export const quietNetwork: Network = { lostRate: 0, slowRate: 0, slowMsMax: 1 };

export interface FarEndParts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly history: History;
  readonly world: LabOptions;
}

type RemoteRequest = Exclude<Request, { kind: 'command' }>;

const keyIn = (request: RemoteRequest): string => ('key' in request ? request.key : '');

const verbOf = (request: RemoteRequest): string => {
  if (request.kind === 'poll') return 'operationStatus';
  return request.kind === 'settle' ? `settle ${request.verb}` : request.verb;
};

export class FarEnd {
  readonly lab: Lab;
  readonly network: Network = { ...quietNetwork };
  readonly #parts: FarEndParts;
  #calls = 0;

  constructor(parts: FarEndParts) {
    const { time } = parts;
    this.#parts = parts;
    const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
      if (signal?.aborted) return;
      await new Promise<void>((resolve) => {
        time.at(time.now() + ms, resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    };
    this.lab = newLab(labSpec(parts.world), { now: () => time.now(), sleep });
    this.lab.world.onStage = (vmId, stage) => parts.history.note({ kind: 'stage', vmId, stage });
  }

  /** The lab's plugin as one thread has it. */
  plugin(thread: Mortal): unknown {
    const open = async ({ remoteId }: { readonly remoteId: string }): Promise<LabSession> => ({
      remoteId,
      port: this.#port(thread),
    });
    return { ...createLabPlugin(), open };
  }

  #port(thread: Mortal): Port {
    const port = inlinePort(this.lab);
    return {
      send: (request, signal) => {
        if (thread.dead) return never();
        if (request.kind === 'command') return port.send(request, signal);
        return this.#carry(thread, port, request, signal);
      },
      close: () => {},
    };
  }

  async #carry(
    thread: Mortal,
    port: Port,
    request: RemoteRequest,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { history } = this.#parts;
    if (thread.frozen) await thread.awake();
    const verb = verbOf(request);
    if (this.#isOutdated(request)) {
      history.note({ kind: 'outdated', remoteId: request.remoteId, verb, key: keyIn(request) });
      return this.#back(thread, await port.send(request, signal));
    }
    const call = ++this.#calls;
    let asked = true;
    const end = (kind: 'heard' | 'given-up'): void => {
      if (asked) history.note({ kind, call });
      asked = false;
    };
    signal?.addEventListener('abort', () => end('given-up'), { once: true });
    void thread.died.then(() => end('given-up'));
    history.note({
      kind: 'call',
      call,
      licence: { life: thread.root, epoch: 'epoch' in request ? request.epoch : 0 },
      remoteId: request.remoteId,
      verb,
      key: keyIn(request),
      targetIds: 'targets' in request ? request.targets.map(({ id }) => id) : [],
    });
    if (thread.dead) return never();
    try {
      const answer = await port.send(request, signal);
      history.note({ kind: 'answer', call, verb, failed: failedIn(answer) });
      if (thread.frozen) end('given-up');
      return await this.#back(thread, answer);
    } catch (error) {
      const fault = (error as { fault?: { code?: string } }).fault?.code ?? String(error);
      history.note({ kind: 'answer', call, verb, failed: [], fault });
      if (thread.frozen) end('given-up');
      await this.#back(thread, undefined);
      throw error;
    } finally {
      end('heard');
    }
  }

  /** Another member drives the run, and this remote knows it: nothing comes of the call. */
  #isOutdated(request: RemoteRequest): boolean {
    if (!('epoch' in request) || request.key === '') return false;
    const newest = newestEpoch(this.lab.world.ledger, request.remoteId, request.key);
    return newest !== undefined && newest > request.epoch;
  }

  /** The way of an answer to whom it concerns. */
  async #back(thread: Mortal, answer: unknown): Promise<unknown> {
    const { chance, time } = this.#parts;
    const { lostRate, slowRate, slowMsMax } = this.network;
    if (thread.dead || chance.hit(lostRate)) return never();
    if (chance.hit(slowRate)) await time.sleep(chance.spread(1, slowMsMax));
    if (thread.frozen) await thread.awake();
    return thread.dead ? never() : answer;
  }
}

const failedIn = (answer: unknown): readonly string[] =>
  Array.isArray(answer)
    ? answer.flatMap((one: { id: string; fault?: unknown; verdict?: string }) =>
        one.fault === undefined && (one.verdict ?? 'done') === 'done' ? [] : [one.id],
      )
    : [];
