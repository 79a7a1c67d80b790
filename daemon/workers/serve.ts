/**
 * A thread's end of its port: takes jobs as they come, a few at a time, so that the first answers
 * leave while the rest is being worked on.
 */
import { servedAtOnceMax } from './limits.ts';
import type { Answers, Batch, Sent, ServeTask, ThreadMessage } from './messages.ts';
import type { TaskJob } from './pool.ts';

type Handle = (message: ThreadMessage) => Promise<string>;

export class Server {
  readonly #handle: Handle;
  readonly #port: ServeTask['port'];
  readonly #items = new Map<number, string>();
  readonly #queue: (readonly [number, ThreadMessage])[] = [];
  #next = 0;
  #answers: string[] = [];
  #turning = false;

  constructor(handle: Handle, { port }: ServeTask) {
    this.#handle = handle;
    this.#port = port;
    port.on('message', (batch: Batch) => this.#take(batch));
  }

  #take({ forget, items, sent }: Batch): void {
    if (forget) this.#items.clear();
    for (const [number, text] of items) this.#items.set(number, text);
    for (const one of JSON.parse(sent) as readonly Sent[]) this.#queue.push(this.#read(one));
    this.#turn();
  }

  #read(one: Sent): readonly [number, ThreadMessage] {
    if (one.length === 2) return one;
    const [id, message, number] = one;
    const items = this.#items.get(number) as string;
    return [id, { ...message, job: { ...message.job, items } as TaskJob }];
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
    for (; this.#next < end; this.#next++) {
      const [id, message] = this.#queue[this.#next] as readonly [number, ThreadMessage];
      void this.#handle(message).then((text) => this.#answer(id, text));
    }
    if (this.#next < this.#queue.length) return;
    this.#queue.length = 0;
    this.#next = 0;
  }

  #answer(id: number, text: string): void {
    this.#answers.push(`${id} ${text}`);
    this.#turn();
  }

  #flush(): void {
    if (this.#answers.length === 0) return;
    const answers: Answers = this.#answers.join('\n');
    this.#answers = [];
    this.#port.postMessage(answers);
  }
}
