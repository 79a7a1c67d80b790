/**
 * A thread's end of its port: takes jobs as they come, a few at a time, so that the first answers
 * leave while the rest is being worked on.
 */
import { servedAtOnceMax } from './limits.ts';
import type {
  Answers,
  Batch,
  Delivery,
  JobMessage,
  Order,
  Parcel,
  Sent,
  ServeTask,
  Strike,
  ThreadMessage,
} from './messages.ts';
import { type Head, readHead } from './parcel.ts';
import type { Recalled, TaskJob } from './pool.ts';

type Handle = (message: ThreadMessage, struck: (rule: string) => void) => Promise<string | Parcel>;

/** A message that may begin. */
interface Due {
  readonly id: number;
  readonly message: ThreadMessage;
}

const recalled = JSON.stringify({ kind: 'recalled' } satisfies Recalled);

export class Server {
  readonly #handle: Handle;
  readonly #now: () => number;
  readonly #port: ServeTask['port'];
  readonly #items = new Map<number, string>();
  readonly #heads = new Map<number, Head>();
  readonly #queue: Due[] = [];
  #next = 0;
  /** Taken and not answered, those that are staged excepted. */
  readonly #open = new Set<number>();
  /** Staged messages, by their own number and by that of the one before. */
  readonly #staged = new Map<number, Due & { readonly behind: number }>();
  readonly #successors = new Map<number, number>();
  #answers: string[] = [];
  #turning = false;

  constructor(handle: Handle, { port }: ServeTask, now: () => number) {
    this.#handle = handle;
    this.#now = now;
    this.#port = port;
    port.on('message', (batch: Batch) => this.#take(batch));
  }

  #take({ forget, items, heads, sent }: Batch): void {
    if (forget) {
      this.#items.clear();
      this.#heads.clear();
    }
    for (const [number, text] of items) this.#items.set(number, text);
    for (const [number, text] of heads) this.#heads.set(number, readHead(text));
    for (const one of JSON.parse(sent) as readonly (Sent | Order)[]) {
      if (typeof one === 'object') this.#place(one);
      else if (one > 0) this.#beginStaged(one);
      else if (this.#unstage(-one) !== undefined) this.#say(-one, recalled);
    }
    this.#turn();
  }

  #place(one: Sent): void {
    const due = this.#read(one);
    const behind = one.length === 2 ? 0 : one[6];
    if (behind === 0) this.#enqueue(due);
    else if (!this.#open.has(behind) && !this.#staged.has(behind)) this.#beginNow(due);
    else {
      this.#staged.set(due.id, { ...due, behind });
      this.#successors.set(behind, due.id);
    }
  }

  #read(one: Sent): Due {
    if (one.length === 2) return { id: one[0], message: one[1] };
    const [id, head, text, workgroup, attempt, dueMs, , rest] = one;
    const items = this.#items.get(text) as string;
    const job: TaskJob = { ...(this.#heads.get(head) as Head), items, workgroup, attempt, ...rest };
    return { id, message: { kind: 'job', job, dueMs } };
  }

  #enqueue(due: Due): void {
    this.#open.add(due.id);
    this.#queue.push(due);
  }

  #beginNow(due: Due): void {
    this.#enqueue(this.#timed(due));
  }

  /** Its time runs from now on. */
  #timed({ id, message }: Due): Due {
    const { job } = message as JobMessage;
    return { id, message: { kind: 'job', job, dueMs: this.#now() + job.timeoutMs } };
  }

  #beginStaged(id: number): void {
    const due = this.#unstage(id);
    if (due !== undefined) this.#beginNow(due);
  }

  /**
   * Not by way of the queue: the slot of the ended call would stand idle for a turn of the loop, in
   * which many calls of the same few milliseconds end one after the other.
   */
  #follow(id: number): void {
    const successor = this.#successors.get(id);
    const due = successor === undefined ? undefined : this.#unstage(successor);
    if (due === undefined) return;
    this.#open.add(due.id);
    this.#serve(this.#timed(due));
  }

  #unstage(id: number): Due | undefined {
    const staged = this.#staged.get(id);
    if (staged === undefined) return undefined;
    this.#staged.delete(id);
    this.#successors.delete(staged.behind);
    return staged;
  }

  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    this.#begin();
    setImmediate(() => {
      this.#turning = false;
      this.#flush();
      if (this.#next < this.#queue.length) this.#turn();
    });
  }

  #begin(): void {
    const end = Math.min(this.#next + servedAtOnceMax, this.#queue.length);
    for (; this.#next < end; this.#next++) this.#serve(this.#queue[this.#next] as Due);
    if (this.#next < this.#queue.length) return;
    this.#queue.length = 0;
    this.#next = 0;
  }

  #serve({ id, message }: Due): void {
    const struck = (rule: string) => this.#port.postMessage({ id, struck: rule } satisfies Strike);
    void this.#handle(message, struck).then((answer) => {
      this.#open.delete(id);
      if (typeof answer === 'string') this.#say(id, answer);
      else this.#deliver({ id, ...answer });
      this.#follow(id);
      this.#turn();
    });
  }

  #say(id: number, text: string): void {
    this.#answers.push(`${id} ${text}`);
  }

  /** At once: who waits for bytes wants the next ones too. */
  #deliver(delivery: Delivery): void {
    this.#flush();
    this.#port.postMessage(delivery, [delivery.bytes.buffer]);
  }

  #flush(): void {
    if (this.#answers.length === 0) return;
    const answers: Answers = this.#answers.join('\n');
    this.#answers = [];
    this.#port.postMessage(answers);
  }
}
