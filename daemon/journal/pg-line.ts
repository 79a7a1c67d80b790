/**
 * One connection to PostgreSQL that comes back by itself: the next question after a loss connects
 * anew. A question that is not answered in time ends the connection, its answer unknown; nothing
 * is cancelled at the server, because cancelling a commit that waits for its standby makes it a
 * success that the standby does not have.
 */
import { Socket } from 'node:net';
import pg from 'pg';

/** Longer than any answer takes that is still to come: a server that is frozen looks like this. */
const answerMsMax = 10_000;

/** For a connection and the greeting of a server that is there. */
const connectMsMax = 5_000;

/** Sessions: a statement that waits for a row is given up before we give the connection up. */
const sessionOptions = '-c lock_timeout=5000 -c idle_in_transaction_session_timeout=5000';

/** An acknowledged entry must be on disk, whatever the server's default is. */
const durable =
  "SELECT set_config('synchronous_commit', 'on', false) " +
  "WHERE current_setting('synchronous_commit') = 'off'";

/** For sessions that need not be durable. */
export const hasty = '-c synchronous_commit=off';

export type Row = Readonly<Record<string, unknown>>;

interface Connected {
  readonly client: pg.Client;
  readonly socket: Socket;
  /** Rejects when the connection is over, wanted or not; never resolves. */
  readonly over: Promise<never>;
}

/** Where the server is, to tell people; never the password. */
export const placeOf = (url: string): string => {
  const { host, port, database } = new pg.Client({ connectionString: url });
  return `${host}:${port}/${database ?? ''}`;
};

export class Line {
  readonly #url: string;
  readonly #name: string;
  readonly #isDurable: boolean;
  #connected: Promise<Connected> | undefined;
  /** Questions go one after the other: the next waits for this. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /**
   * `name` is what the server's activity shows. Not `isDurable`: what is acknowledged may be lost
   * when the server dies, for what costs less to ask for again than to keep.
   */
  constructor(url: string, name: string, isDurable = true) {
    this.#url = url;
    this.#name = name;
    this.#isDurable = isDurable;
  }

  /** The rows of the answer. After a rejection that is no answer of the server, it is unknown. */
  ask(text: string, values: readonly unknown[] = [], name?: string): Promise<readonly Row[]> {
    const answer = this.#last.then(() => this.#ask(text, values, name));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Answers what is under way, then ends. */
  async close(): Promise<void> {
    await this.#last;
    this.#closed = true;
    const connected = await this.#connected?.catch(() => undefined);
    await connected?.client.end().catch(() => {});
    connected?.socket.destroy();
  }

  async #ask(
    text: string,
    values: readonly unknown[],
    name: string | undefined,
  ): Promise<readonly Row[]> {
    if (this.#closed) throw new Error('the connection is closed');
    this.#connected ??= this.#connect();
    const connected = await this.#connected.catch((error) => {
      this.#connected = undefined;
      throw error;
    });
    const { client, over } = connected;
    const query = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    try {
      const { rows } = await within(answerMsMax, Promise.race([client.query<Row>(query), over]));
      return rows;
    } catch (error) {
      if (!isAnswer(error)) this.#drop(connected);
      throw error;
    }
  }

  async #connect(): Promise<Connected> {
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: `siteswap ${this.#name}`,
      options: this.#isDurable ? sessionOptions : `${sessionOptions} ${hasty}`,
      keepAlive: true,
      stream: () => socket,
    });
    const { promise: over, reject } = Promise.withResolvers<never>();
    over.catch(() => {});
    const connected = { client, socket, over };
    const end = (error: Error) => {
      reject(error);
      this.#drop(connected);
    };
    client.on('error', end);
    client.on('end', () => end(new Error('the connection ended')));
    try {
      await within(connectMsMax, Promise.race([client.connect(), over]));
      if (this.#isDurable) await within(answerMsMax, client.query(durable));
      return connected;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  #drop(gone: Connected): void {
    gone.socket.destroy();
    void this.#connected?.then(
      (connected) => {
        if (connected === gone) this.#connected = undefined;
      },
      () => {},
    );
  }
}

/** The server's own refusal; the connection goes on, but for those of class 57P. */
const isAnswer = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && !error.code?.startsWith('57P');

const within = <T>(msMax: number, work: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer in ${msMax} ms`)), msMax);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
};
