/** A binary heap of (rank, value), smallest rank first: the order of ready work and of delays. */
export interface Ranked<T> {
  readonly rank: number;
  readonly value: T;
}

export class Heap<T> {
  readonly #heap: Ranked<T>[] = [];

  get first(): Ranked<T> | undefined {
    return this.#heap[0];
  }

  get size(): number {
    return this.#heap.length;
  }

  push(item: Ranked<T>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Ranked<T>;
      if (parent.rank <= item.rank) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = item;
  }

  pop(): Ranked<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      const right = heap[below + 1];
      if (right !== undefined && right.rank < (heap[below] as Ranked<T>).rank) below++;
      const child = heap[below] as Ranked<T>;
      if (last.rank <= child.rank) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}
