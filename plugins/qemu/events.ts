/**
 * Events of a monitor as a queue that its reader owns: they are kept in order until somebody takes
 * them, bounded, and none is lost without a word.
 */
import { QmpLost } from './faults.ts';
import { eventsHeldMax } from './limits.ts';

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** By the clock of the machine that QEMU runs on. */
  readonly atMs: number;
}

export class EventQueue {
  readonly #closed: (queue: EventQueue) => void;
  #events: QmpEvent[] = [];
  #ended: QmpLost | undefined;
  #wake: () => void = () => undefined;

  constructor(closed: (queue: EventQueue) => void) {
    this.#closed = closed;
  }

  /** Of the connection, not of its readers. */
  put(event: QmpEvent): void {
    if (this.#events.length >= eventsHeldMax) {
      this.end(new QmpLost('closed', `more than ${eventsHeldMax} events were not taken`));
    } else if (this.#ended === undefined) this.#events.push(event);
    this.#wake();
  }

  /** No more will come: readers get what is held, then the reason. */
  end(why: QmpLost): void {
    this.#ended ??= why;
    this.#wake();
  }

  close(): void {
    this.end(new QmpLost('closed', 'the queue was closed by its reader'));
    this.#events = [];
    this.#closed(this);
  }

  /** The next event. Throws QmpLost: `timeout` when the signal is aborted first. One reader. */
  async next(signal: AbortSignal): Promise<QmpEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#ended !== undefined) throw this.#ended;
      if (signal.aborted) throw new QmpLost('timeout', 'no such event in time');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** The next event for which `fits` holds; those before it are passed over. */
  async until(fits: (event: QmpEvent) => boolean, signal: AbortSignal): Promise<QmpEvent> {
    for (;;) {
      const event = await this.next(signal);
      if (fits(event)) return event;
    }
  }
}
