/**
 * A workgroup's items, parsed once per thread: they travel as one prepared text with every task of
 * the workgroup, and parsing would cost more than all the rest of a small task.
 */
import type { StorageItem, VmItem } from '../core/frozen.ts';
import { itemsCacheCharsMax } from './limits.ts';

export type Item = StorageItem | VmItem;

/** Least recently used out first, bounded by the length of the texts. */
export class ItemsCache {
  readonly #parsed = new Map<string, readonly Item[]>();
  readonly #charsMax: number;
  #chars = 0;

  constructor(charsMax = itemsCacheCharsMax) {
    this.#charsMax = charsMax;
  }

  parse(text: string): readonly Item[] {
    const known = this.#parsed.get(text);
    if (known !== undefined) {
      this.#parsed.delete(text);
      this.#parsed.set(text, known);
      return known;
    }
    const items = JSON.parse(text) as readonly Item[];
    this.#parsed.set(text, items);
    this.#chars += text.length;
    for (const oldest of this.#parsed.keys()) {
      if (this.#chars <= this.#charsMax || oldest === text) break;
      this.#parsed.delete(oldest);
      this.#chars -= oldest.length;
    }
    return items;
  }
}
