/**
 * What is on at the wire, in memory that all threads share: a thread reads it when it starts and at
 * each change, says so on its own board, and counts what its rules did.
 */
import type { PlacedRule } from '../gateway/wire.ts';

/** Rules at once, and the bytes that they may take as text: a rehearsal has a handful. */
export const wireRulesMax = 64;
export const wireBytesMax = 64 * 1024;

const textOf = (rules: readonly PlacedRule[]): Buffer | undefined => {
  const text = Buffer.from(JSON.stringify(rules));
  return text.length > wireBytesMax || rules.length > wireRulesMax ? undefined : text;
};

export const fitsTheWire = (rules: readonly PlacedRule[]): boolean => textOf(rules) !== undefined;

/** Odd while it is being written; `taken` counts threads that have read a version. */
const head = { version: 0, length: 1, taken: 2, hits: 3 } as const;
const headCells = head.hits + wireRulesMax;

export class WireBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly #text: Uint8Array;

  constructor(buffer?: SharedArrayBuffer) {
    const headBytes = headCells * Int32Array.BYTES_PER_ELEMENT;
    this.buffer = buffer ?? new SharedArrayBuffer(headBytes + wireBytesMax);
    this.#cells = new Int32Array(this.buffer, 0, headCells);
    this.#text = new Uint8Array(this.buffer, headBytes);
  }

  /** Writes what is on from now on; answers its version. Throws RangeError when it is too much. */
  write(rules: readonly PlacedRule[]): number {
    const text = textOf(rules);
    if (text === undefined) {
      throw new RangeError(`at most ${wireRulesMax} wire rules of ${wireBytesMax} bytes in all`);
    }
    Atomics.add(this.#cells, head.version, 1);
    this.#text.set(text);
    this.#cells[head.length] = text.length;
    this.#cells.fill(0, head.hits);
    const version = Atomics.add(this.#cells, head.version, 1) + 1;
    Atomics.notify(this.#cells, head.version);
    return version;
  }

  /** What each rule did since it was written, in their order. */
  hits(count: number): readonly number[] {
    return [...this.#cells.subarray(head.hits, head.hits + count)];
  }

  hit(at: number): void {
    Atomics.add(this.#cells, head.hits + at, 1);
  }

  /** Calls `changed` with what is on, now and at each change. Never ends. */
  async watch(changed: (rules: readonly PlacedRule[], version: number) => void): Promise<never> {
    for (;;) {
      const version = Atomics.load(this.#cells, head.version);
      const rules = version % 2 === 0 ? this.#read() : undefined;
      if (rules !== undefined && Atomics.load(this.#cells, head.version) === version) {
        changed(rules, version);
        Atomics.add(this.#cells, head.taken, 1);
        Atomics.notify(this.#cells, head.taken);
      }
      const wait = Atomics.waitAsync(this.#cells, head.version, version);
      if (wait.async) await wait.value;
    }
  }

  /** Resolves when `isBehind` says no; asked whenever a thread has read, or may have ended. */
  async taken(isBehind: () => boolean, lookMs: number): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.#cells, head.taken);
      if (!isBehind()) return;
      const wait = Atomics.waitAsync(this.#cells, head.taken, seen, lookMs);
      if (wait.async) await wait.value;
    }
  }

  /** Undefined when it was written anew meanwhile. */
  #read(): readonly PlacedRule[] | undefined {
    const length = this.#cells[head.length] as number;
    if (length === 0) return [];
    try {
      return JSON.parse(Buffer.from(this.#text.slice(0, length)).toString());
    } catch {
      return undefined;
    }
  }
}
