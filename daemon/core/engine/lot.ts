/**
 * Something about a few positions of a workgroup: a map whose table is made with its first entry.
 * A task has half a dozen of these, nearly all of them empty for ever, and an empty table costs
 * more than everything else in it.
 */
export class Lot<V> implements Iterable<[number, V]> {
  table: Map<number, V> | undefined;

  get size(): number {
    return this.table?.size ?? 0;
  }

  has(position: number): boolean {
    return this.table?.has(position) ?? false;
  }

  get(position: number): V | undefined {
    return this.table?.get(position);
  }

  set(position: number, value: V): void {
    this.table ??= new Map();
    this.table.set(position, value);
  }

  delete(position: number): void {
    this.table?.delete(position);
  }

  clear(): void {
    this.table = undefined;
  }

  keys(): Iterable<number> {
    return this.table?.keys() ?? [];
  }

  values(): Iterable<V> {
    return this.table?.values() ?? [];
  }

  [Symbol.iterator](): Iterator<[number, V]> {
    const entries: Iterable<[number, V]> = this.table ?? [];
    return entries[Symbol.iterator]();
  }
}
