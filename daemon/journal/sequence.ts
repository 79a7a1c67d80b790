/**
 * The check that keeps a stream in one piece: an append must start at the stream's next number. It
 * is what refuses a second writer, so every store shares it.
 */
import type { Append } from './journal.ts';

/**
 * Why `call` cannot land, or undefined when it can. A call may append to one stream several times.
 * `nextSeqOf` answers for what has landed already (1 for a new stream).
 */
export const conflictOf = (
  call: readonly Append[],
  nextSeqOf: (stream: string) => number,
): string | undefined => {
  const ends = call.length > 1 ? new Map<string, number>() : undefined;
  for (const { stream, seq, bodies } of call) {
    const next = ends?.get(stream) ?? nextSeqOf(stream);
    if (seq !== next) return conflictText(stream, next, seq);
    ends?.set(stream, next + bodies.length);
  }
  return undefined;
};

export const conflictText = (stream: string, next: number, seq: number): string =>
  `stream ${stream}: the next entry is number ${next}, not ${seq}; nothing was appended`;
