/**
 * What a thread says of itself in shared memory, readable when it no longer answers: that its event
 * loop turns, and whether it was ended on purpose.
 */

/** Before the slots: `closing` is set by the pool, `left` counts threads that closed sessions. */
const head = { closing: 0, left: 1, size: 2 } as const;

/** Fields of a slot. */
const field = { threadId: 0, beats: 1, onPurpose: 2, wire: 3, size: 4 } as const;

export interface BoardShape {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
}

export const newBoard = (slots: number): BoardShape => ({
  buffer: new SharedArrayBuffer((head.size + slots * field.size) * Int32Array.BYTES_PER_ELEMENT),
  slots,
});

/** A thread's own slot, written by it alone. */
export class ThreadSlot {
  readonly #cells: Int32Array;
  readonly #at: number;

  constructor(shape: BoardShape, threadId: number) {
    this.#cells = new Int32Array(shape.buffer);
    for (let slot = 0; slot < shape.slots; slot++) {
      const at = head.size + slot * field.size;
      if (Atomics.compareExchange(this.#cells, at + field.threadId, 0, threadId) === 0) {
        this.#at = at;
        return;
      }
    }
    throw new Error('the board has no free slot');
  }

  beat(): void {
    Atomics.add(this.#cells, this.#at + field.beats, 1);
  }

  endsOnPurpose(): void {
    Atomics.store(this.#cells, this.#at + field.onPurpose, 1);
  }

  /** From now on this version of what is on at the wire holds here. */
  tookWire(version: number): void {
    Atomics.store(this.#cells, this.#at + field.wire, version);
  }

  /** Resolves when the pool closes. */
  async closing(): Promise<void> {
    const wait = Atomics.waitAsync(this.#cells, head.closing, 0);
    if (wait.async) await wait.value;
  }

  left(): void {
    Atomics.add(this.#cells, head.left, 1);
    Atomics.notify(this.#cells, head.left);
  }
}

/** What a thread was doing when it ended. */
export interface Trace {
  readonly threadId: number;
  readonly onPurpose: boolean;
}

/** The pool's view of all slots. */
export class Board {
  readonly shape: BoardShape;
  readonly #cells: Int32Array;

  constructor(shape: BoardShape) {
    this.shape = shape;
    this.#cells = new Int32Array(shape.buffer);
  }

  /** Thread id → beats so far, of every thread that has taken a slot. */
  beats(): Map<number, number> {
    const beats = new Map<number, number>();
    for (const at of this.#taken()) {
      beats.set(
        this.#cells[at + field.threadId] as number,
        this.#cells[at + field.beats] as number,
      );
    }
    return beats;
  }

  /** True while one of the living has not taken this version of what is on at the wire. */
  isBehindWire(version: number, living: ReadonlySet<number>): boolean {
    return [...this.#taken()].some(
      (at) =>
        living.has(this.#cells[at + field.threadId] as number) &&
        Atomics.load(this.#cells, at + field.wire) < version,
    );
  }

  /** Traces of the threads that are not among the living; their slots are free again. */
  reap(living: ReadonlySet<number>): readonly Trace[] {
    const traces: Trace[] = [];
    for (const at of this.#taken()) {
      const threadId = this.#cells[at + field.threadId] as number;
      if (living.has(threadId)) continue;
      traces.push({ threadId, onPurpose: this.#cells[at + field.onPurpose] === 1 });
      this.#cells.fill(0, at + field.beats, at + field.size);
      Atomics.store(this.#cells, at + field.threadId, 0);
    }
    return traces;
  }

  /** Asks the threads to close their sessions; resolves when they have, or after `waitMsMax`. */
  async close(waitMsMax: number): Promise<void> {
    const threads = this.beats().size;
    const untilMs = performance.now() + waitMsMax;
    Atomics.store(this.#cells, head.closing, 1);
    Atomics.notify(this.#cells, head.closing);
    for (;;) {
      const left = Atomics.load(this.#cells, head.left);
      const leftMs = untilMs - performance.now();
      if (left >= threads || leftMs <= 0) return;
      const wait = Atomics.waitAsync(this.#cells, head.left, left, leftMs);
      if (wait.async) await wait.value;
    }
  }

  *#taken(): Generator<number> {
    for (let slot = 0; slot < this.shape.slots; slot++) {
      const at = head.size + slot * field.size;
      if (Atomics.load(this.#cells, at + field.threadId) !== 0) yield at;
    }
  }
}
