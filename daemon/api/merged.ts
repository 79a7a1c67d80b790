/** Several streams as one, so that a slow one keeps nobody waiting but itself. */

interface Heard<T> {
  readonly stream: AsyncGenerator<T, void>;
  readonly result: IteratorResult<T, void>;
}

/**
 * What the streams say, as they say it, each in its own order; at most `openMax` are under way,
 * each asked one ahead of what was taken. Throws what the first of them throws. Who stops early
 * stops them all.
 */
export async function* merged<T>(
  streams: Iterable<AsyncGenerator<T, void>>,
  openMax: number,
): AsyncGenerator<T, void> {
  const waiting = [...streams];
  const open = new Map<AsyncGenerator<T, void>, Promise<Heard<T>>>();
  /** At the end of the line, so that one that never pauses leaves room for the others. */
  const ask = (stream: AsyncGenerator<T, void>): void => {
    open.delete(stream);
    open.set(
      stream,
      stream.next().then((result) => ({ stream, result })),
    );
  };
  try {
    waiting.splice(0, openMax).forEach(ask);
    while (open.size > 0) {
      const { stream, result } = await Promise.race(open.values());
      if (result.done !== true) {
        ask(stream);
        yield result.value;
        continue;
      }
      open.delete(stream);
      const another = waiting.shift();
      if (another !== undefined) ask(another);
    }
  } finally {
    // Not waited for: what they are being asked may take long, and nobody wants it any more.
    for (const [stream, said] of open) {
      said.catch(() => {});
      stream.return().catch(() => {});
    }
  }
}
