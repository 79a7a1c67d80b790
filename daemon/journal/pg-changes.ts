/**
 * News of appends by other members. A group that has landed is told of by a statement of its own, a
 * little later and for many groups at once: a notice inside the append would cost more than the
 * append. News may be lost with a connection; whoever listens looks for itself as well.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Line } from './pg-line.ts';

const appended = 'siteswap_appended';

/** Appends of this long are told of at once. */
const gatherMs = 15;

/** Largest payload of a notice, by far. */
const payloadCharsMax = 2_000;

/** Delay between two tries to listen again; exactly one loop does. */
const retryDelayMs = 500;

/** Tells others of streams that this member appended to. */
export class Teller {
  readonly #line: Line;
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  changed(streams: Iterable<string>): void {
    for (const stream of streams) this.#changed.add(stream);
    this.#timer ??= setTimeout(() => this.#tell(), gatherMs).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #tell(): void {
    this.#timer = undefined;
    const text = JSON.stringify([...this.#changed]);
    this.#changed.clear();
    // Too many to name: everything may have changed.
    const payload = text.length > payloadCharsMax ? '[]' : text;
    void this.#line.ask('SELECT pg_notify($1, $2)', [appended, payload], 'tell').catch(() => {});
  }
}

/**
 * What is told on a channel, as lists of names; by default streams that others may have appended
 * to. An empty list: any of them may be meant.
 */
export async function* listen(
  url: string,
  signal: AbortSignal,
  channel = appended,
): AsyncIterable<readonly string[]> {
  let ring = () => {};
  const heard: string[][] = [];
  const tell = (streams: string[]) => {
    heard.push(streams);
    ring();
  };
  const ended = keepListening(url, signal, channel, tell);
  const stop = () => ring();
  signal.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      if (heard.length === 0) await new Promise<void>((resolve) => (ring = resolve));
      const streams = heard.splice(0);
      if (streams.length > 0) yield streams.some((one) => one.length === 0) ? [] : streams.flat();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await ended;
  }
}

const keepListening = async (
  url: string,
  signal: AbortSignal,
  channel: string,
  tell: (streams: string[]) => void,
): Promise<void> => {
  while (!signal.aborted) {
    await listenOnce(url, signal, channel, tell).catch(() => {});
    await delay(retryDelayMs, undefined, { signal }).catch(() => {});
  }
};

/** Until the connection is lost. */
const listenOnce = async (
  url: string,
  signal: AbortSignal,
  channel: string,
  tell: (streams: string[]) => void,
): Promise<void> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'siteswap listener',
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
  });
  const { promise: over, resolve } = Promise.withResolvers<void>();
  client.on('error', () => resolve());
  client.on('end', () => resolve());
  client.on('notification', ({ payload }) => tell(JSON.parse(payload ?? '[]') as string[]));
  signal.addEventListener('abort', () => resolve(), { once: true });
  try {
    await client.connect();
    await client.query(`LISTEN ${channel}`);
    // What was told meanwhile was not heard.
    tell([]);
    await over;
  } finally {
    await client.end().catch(() => {});
  }
};
