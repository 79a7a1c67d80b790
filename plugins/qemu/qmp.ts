/**
 * A small, strict client of QMP, QEMU's monitor, over a unix socket. A monitor serves one client at
 * a time; who connects second is not greeted. Answers are matched by id, events go to queues that
 * their readers own, and whatever is not QMP ends the connection: nothing is guessed from it. What
 * comes ahead of the greeting was meant for the client before.
 */
import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { FaultError } from '@siteswap/sdk/plugin';
import { dial } from './dial.ts';
import { EventQueue, type QmpEvent } from './events.ts';
import { failure, QmpError, QmpLost, type QmpRefusal } from './faults.ts';
import { commandMsMax, greetingMsMax, idsMax, leaveMsMax, lineBytesMax } from './limits.ts';

export type QmpArguments = Readonly<Record<string, unknown>>;

/** What became of a command: its value, or QEMU's refusal as it said it. */
export type QmpAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refusal: QmpRefusal };

/** How long a caller is ready to wait. Past either the effect of a command is in doubt. */
export interface Patience {
  readonly signal?: AbortSignal;
  /** Default: what the limits say. */
  readonly waitMsMax?: number;
}

interface Waiting {
  readonly command: string;
  readonly settle: (answer: QmpAnswer | QmpLost) => void;
}

type Message = Readonly<Record<string, unknown>>;

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** QEMU takes its monitor's bytes one by one, 4 µs each: what says nothing is left out. */
const argumentsOf = (args: QmpArguments) =>
  Object.keys(args).length === 0 ? {} : { arguments: args };

export class Qmp {
  readonly path: string;
  readonly #socket: Duplex;
  readonly #waiting = new Map<number, Waiting>();
  readonly #queues = new Set<EventQueue>();
  #pieces: Buffer[] = [];
  #held = 0;
  /** Begins anywhere: the late answer to a client before must not pass for one of ours. */
  #lastId = randomInt(idsMax);
  #ended: QmpLost | undefined;
  #isGreeted = false;
  #greeted: (answer: undefined | QmpLost) => void = () => undefined;

  private constructor(path: string, socket: Duplex) {
    this.path = path;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', ({ message }) => this.#end(`${path}: ${message}`));
    socket.on('close', () => this.#end(`${path}: the monitor closed the connection`));
  }

  /**
   * Connected, greeted, and out of negotiation. Throws `unreachable` when nobody listens there, or
   * QmpLost when who listens does not serve.
   */
  static async open(path: string, patience: Patience = {}): Promise<Qmp> {
    const socket = await dial(path).catch((error: NodeJS.ErrnoException) => {
      if (error instanceof FaultError) throw error;
      const words = `${path}: ${error.message}`;
      // Whoever else waits there is not served either.
      if (error.code === 'EAGAIN') throw new QmpLost('timeout', words);
      throw failure('unreachable', words);
    });
    const qmp = new Qmp(path, socket);
    const limits = { waitMsMax: greetingMsMax, ...patience };
    // A monitor reads it once it has greeted: one turn less.
    const negotiated = qmp.must('qmp_capabilities', {}, limits);
    negotiated.catch(() => undefined);
    const lost = await limited<undefined | QmpLost>(`the greeting of ${path}`, limits, (settle) => {
      qmp.#greeted = settle;
      if (qmp.#ended !== undefined) settle(qmp.#ended);
    }).catch((error: unknown) => error as QmpLost);
    try {
      if (lost !== undefined) throw lost;
      await negotiated;
    } catch (error) {
      // Left open it would keep everybody else from this monitor.
      await qmp.close();
      throw error;
    }
    return qmp;
  }

  get closed(): boolean {
    return this.#ended !== undefined;
  }

  /** Sends a command and answers with what QEMU said. Throws QmpLost when it said nothing. */
  async execute(
    command: string,
    args: QmpArguments = {},
    patience: Patience = {},
  ): Promise<QmpAnswer> {
    if (this.#ended !== undefined) throw this.#ended;
    this.#lastId += 1;
    const id = this.#lastId;
    const limits = { waitMsMax: commandMsMax, ...patience };
    try {
      const answer = await limited<QmpAnswer | QmpLost>(
        `${command} at ${this.path}`,
        limits,
        (settle) => {
          this.#waiting.set(id, { command, settle });
          this.#socket.write(`${JSON.stringify({ execute: command, ...argumentsOf(args), id })}\n`);
        },
      );
      if (answer instanceof QmpLost) throw answer;
      return answer;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** The value of a command. Throws QmpError with QEMU's own words, or QmpLost. */
  async must<T = unknown>(
    command: string,
    args: QmpArguments = {},
    patience: Patience = {},
  ): Promise<T> {
    const answer = await this.execute(command, args, patience);
    if (!answer.ok) throw new QmpError(command, answer.refusal);
    return answer.value as T;
  }

  /** Events from now on. Take it before the command whose events are awaited, and close it. */
  events(): EventQueue {
    const queue = new EventQueue((closed) => this.#queues.delete(closed));
    this.#queues.add(queue);
    if (this.#ended !== undefined) queue.end(this.#ended);
    return queue;
  }

  /**
   * Leaves the monitor in peace: QEMU is told first, and what it says is read until it has closed
   * too. A client that vanishes while an event is written to it may leave a monitor of QEMU 7.2
   * mute for good, or half a line for whoever comes next.
   */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#give(new QmpLost('closed', `${this.path}: closed by us`));
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), leaveMsMax);
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.end();
    });
    clearTimeout(timer);
  }

  #end(message: string): void {
    if (this.#ended !== undefined) return;
    this.#give(new QmpLost('closed', message));
    this.#socket.destroy();
  }

  /** Everybody who waits is told that no more will come. */
  #give(lost: QmpLost): void {
    this.#ended = lost;
    this.#greeted(lost);
    for (const { settle } of this.#waiting.values()) settle(lost);
    this.#waiting.clear();
    for (const queue of this.#queues) queue.end(lost);
  }

  #take(bytes: Buffer): void {
    if (this.#ended !== undefined) return;
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      const line = Buffer.concat([...this.#pieces, bytes.subarray(from, end)]).toString('utf8');
      this.#pieces = [];
      this.#held = 0;
      from = end + 1;
      if (line.trim() !== '') this.#read(line);
    }
    if (from === bytes.length) return;
    this.#pieces.push(bytes.subarray(from));
    this.#held += bytes.length - from;
    if (this.#held > lineBytesMax) this.#end(`${this.path}: a line of more than ${lineBytesMax}`);
  }

  #read(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      message = undefined;
    }
    if (isMessage(message) && 'QMP' in message) {
      this.#isGreeted = true;
      this.#greeted(undefined);
    } else if (!this.#isGreeted) return;
    else if (!isMessage(message)) this.#end(`${this.path}: not QMP: ${line.slice(0, 200)}`);
    else if (typeof message.event === 'string') this.#spread(message, message.event);
    else this.#settle(message);
  }

  #spread({ data, timestamp }: Message, name: string): void {
    const { seconds = 0, microseconds = 0 } = (timestamp ?? {}) as Record<string, number>;
    const atMs = seconds * 1_000 + Math.trunc(microseconds / 1_000);
    const event: QmpEvent = { name, data: isMessage(data) ? data : {}, atMs };
    for (const queue of this.#queues) queue.put(event);
  }

  /** An answer to nobody is one that came after its caller had given up. */
  #settle({ id, error, return: value }: Message): void {
    const waiting = this.#waiting.get(Number(id));
    if (waiting === undefined) return;
    if (!isMessage(error)) waiting.settle({ ok: true, value });
    else {
      const refusal = { class: String(error.class), desc: String(error.desc) };
      waiting.settle({ ok: false, refusal });
    }
  }
}

/** Waits for what `begin` will settle, and no longer than the caller does. Throws QmpLost. */
const limited = async <T>(
  what: string,
  { waitMsMax, signal }: Patience & { readonly waitMsMax: number },
  begin: (settle: (value: T) => void) => void,
): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  let given: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const late = (why: string) => reject(new QmpLost('timeout', `${what}: ${why}`));
      given = () => late('given up by its caller');
      if (signal?.aborted) return given();
      signal?.addEventListener('abort', given, { once: true });
      timer = setTimeout(() => late(`no answer within ${waitMsMax} ms`), waitMsMax);
      begin(resolve);
    });
  } finally {
    clearTimeout(timer);
    if (given !== undefined) signal?.removeEventListener('abort', given);
  }
};
