/**
 * The pool's end of one thread's port. Whatever is asked in one turn of the event loop is one
 * message, and so are the answers that are ready together.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { itemsCacheCharsMax } from './limits.ts';
import type { Answers, Batch, Delivery, Strike, ThreadMessage } from './messages.ts';
import { hasSameHead, headOf, restOf } from './parcel.ts';
import type { TaskJob } from './pool.ts';

/** Who asked: told once, either way. */
export interface Asker {
  /** The JSON of the answer; `bytes`: what is to be added to it. */
  answered(text: string, bytes?: Uint8Array<ArrayBuffer>): void;
  /** Ahead of that: an injection that it carries has changed something. */
  struck?(rule: string): void;
  /** The thread ended before. */
  failed(error: unknown): void;
}

type FromThread = Answers | Delivery | Strike;

export class Lane {
  readonly #port: MessagePort;
  /** By the number of its message, who waits for the answer. */
  readonly #waiting: (Asker | undefined)[] = [undefined];
  /** Numbers whose messages were answered: they are given to others. */
  readonly #free: number[] = [];
  /** Texts that the thread knows → their numbers. */
  readonly #known = new Map<string, number>();
  #knownChars = 0;
  #forget = false;
  #items: [number, string][] = [];
  #heads: [number, string][] = [];
  #last: { readonly job: TaskJob; readonly number: number } | undefined;
  #sent: string[] = [];

  /** `answered` is called when there may be room for more. */
  constructor(port: MessagePort, answered: () => void) {
    this.#port = port;
    port.on('message', (message: FromThread) => {
      this.#hear(message);
      answered();
    });
  }

  /** Messages that are not answered yet. */
  get inFlight(): number {
    return this.#waiting.length - 1 - this.#free.length;
  }

  /** The number under which it is asked; `behind`: that of the message that it is staged behind. */
  ask(message: ThreadMessage, asker: Asker, behind?: number): number {
    const id = this.#free.pop() ?? this.#waiting.length;
    this.#soon();
    this.#sent.push(this.#written(id, message, behind));
    this.#waiting[id] = asker;
    return id;
  }

  /** Lets a staged message begin now. */
  begin(id: number, asker: Asker): void {
    if (this.#waiting[id] !== asker) return;
    this.#soon();
    this.#sent.push(`${id}`);
  }

  /** Takes a staged message back; its answer says whether that came in time. */
  recall(id: number, asker: Asker): void {
    if (this.#waiting[id] !== asker) return;
    this.#soon();
    this.#sent.push(`-${id}`);
  }

  /** The thread has ended: whatever it was asked is answered by that. */
  end(error: unknown): void {
    // Its last words may not have been heard yet.
    for (let last = receiveMessageOnPort(this.#port); last; ) {
      this.#hear(last.message as FromThread);
      last = receiveMessageOnPort(this.#port);
    }
    this.#port.close();
    for (const asker of this.#waiting.splice(1)) asker?.failed(error);
    this.#free.length = 0;
  }

  /** What is said in one turn of the event loop is posted together. */
  #soon(): void {
    if (this.#sent.length === 0) queueMicrotask(() => this.#post());
  }

  #written(id: number, message: ThreadMessage, behind = 0): string {
    if (message.kind === 'probe' || message.job.kind !== 'task') {
      return JSON.stringify([id, message]);
    }
    const { job, dueMs } = message;
    this.#makeRoom();
    const head = this.#headOf(job);
    const items = this.#numberOf(job.items, this.#items);
    const sent = [id, head, items, job.workgroup, job.attempt, dueMs, behind];
    const rest = restOf(job);
    return JSON.stringify(rest === undefined ? sent : [...sent, rest]);
  }

  /** Jobs of one step come one after the other: the text is made only for the first. */
  #headOf(job: TaskJob): number {
    if (this.#last === undefined || !hasSameHead(this.#last.job, job)) {
      this.#last = { job, number: this.#numberOf(headOf(job), this.#heads) };
    }
    return this.#last.number;
  }

  /** What was posted with earlier messages of this turn must not be forgotten before them. */
  #makeRoom(): void {
    if (this.#knownChars <= itemsCacheCharsMax) return;
    this.#post();
    this.#known.clear();
    this.#last = undefined;
    this.#knownChars = 0;
    this.#forget = true;
  }

  /** A text that the thread does not know goes ahead in `news`. */
  #numberOf(text: string, news: [number, string][]): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const number = this.#known.size;
    this.#known.set(text, number);
    this.#knownChars += text.length;
    news.push([number, text]);
    return number;
  }

  #post(): void {
    if (this.#sent.length === 0) return;
    const sent = `[${this.#sent.join(',')}]`;
    const batch: Batch = { forget: this.#forget, items: this.#items, heads: this.#heads, sent };
    this.#forget = false;
    this.#items = [];
    this.#heads = [];
    this.#sent = [];
    this.#port.postMessage(batch);
  }

  #hear(message: FromThread): void {
    if (typeof message === 'string') this.#take(message);
    else if ('struck' in message) this.#waiting[message.id]?.struck?.(message.struck);
    else this.#hand(message.id, message.text, message.bytes);
  }

  #take(answers: Answers): void {
    for (const line of answers.split('\n')) {
      const space = line.indexOf(' ');
      this.#hand(Number(line.slice(0, space)), line.slice(space + 1));
    }
  }

  #hand(id: number, text: string, bytes?: Uint8Array<ArrayBuffer>): void {
    const asker = this.#waiting[id];
    if (asker === undefined) return;
    this.#waiting[id] = undefined;
    this.#free.push(id);
    asker.answered(text, bytes);
  }
}
