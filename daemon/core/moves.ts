/**
 * Which datastores may hold a copy of a VM, because a storage migration was begun between them. It
 * is known before the first byte moves, for the run that does it is opened first. Which copy counts
 * is never decided by this, only what has to be looked at together: a datastore whose replica lags
 * does not know yet that the VM has left it.
 */
import type { RunOpened } from './system-entries.ts';

/** VM id → ids of datastores. It stays: a replica may come back from any time. */
export type MoveBook = ReadonlyMap<string, ReadonlySet<string>>;

export const noMoves: MoveBook = new Map();

/** The whole book, stated anew. */
export interface MovesKept {
  readonly type: 'moves-kept';
  readonly at: number;
  readonly moves: readonly (readonly [string, readonly string[]])[];
}

/** The book itself, where nothing is new: what was made of it then still holds. */
export const foldMoves = (book: MoveBook, { moves = [] }: RunOpened): MoveBook => {
  if (moves.length === 0) return book;
  const next = new Map(book);
  for (const { vmId, fromDatastoreId, toDatastoreId } of moves) {
    next.set(vmId, new Set([...(next.get(vmId) ?? []), fromDatastoreId, toDatastoreId]));
  }
  return next;
};

export const keepMoves = ({ moves }: MovesKept): MoveBook =>
  new Map(moves.map(([vmId, ids]) => [vmId, new Set(ids)]));

export const statedMoves = (book: MoveBook, at: number): MovesKept => ({
  type: 'moves-kept',
  at,
  moves: [...book].map(([vmId, ids]) => [vmId, [...ids]] as const),
});
