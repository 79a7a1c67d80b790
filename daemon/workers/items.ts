/**
 * A workgroup's items, parsed once per thread: they travel as one prepared text with every task of
 * the workgroup, and parsing would cost more than all the rest of a small task.
 */
import type { StorageItem, VmItem } from '../core/frozen.ts';
import type { Asked } from './fold.ts';
import { itemsCacheCharsMax } from './limits.ts';

export type Item = StorageItem | VmItem;

/** Items that a job is about, and how its answers name them. */
export interface Chosen {
  readonly items: readonly Item[];
  readonly asked: Asked;
}

export const chosen = (items: readonly Item[], positions: readonly number[]): Chosen => ({
  items,
  asked: { positions, ids: items.map(({ id }) => id) },
});

/** Least recently used out first, bounded by the length of the texts. */
export class ItemsCache {
  readonly #parsed = new Map<string, Chosen>();
  readonly #charsMax: number;
  #chars = 0;

  constructor(charsMax = itemsCacheCharsMax) {
    this.#charsMax = charsMax;
  }

  /** All of them. */
  parse(text: string): Chosen {
    const known = this.#parsed.get(text);
    if (known !== undefined) {
      this.#parsed.delete(text);
      this.#parsed.set(text, known);
      return known;
    }
    const items = JSON.parse(text) as readonly Item[];
    const whole = chosen(items, [...items.keys()]);
    this.#parsed.set(text, whole);
    this.#chars += text.length;
    for (const oldest of this.#parsed.keys()) {
      if (this.#chars <= this.#charsMax || oldest === text) break;
      this.#parsed.delete(oldest);
      this.#chars -= oldest.length;
    }
    return whole;
  }
}
