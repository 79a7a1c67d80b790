/**
 * A PostgreSQL server of a test's own: a cluster in a directory of its own, reached by a unix
 * socket only, as durable as a server of production. It can be killed, frozen and started again.
 */
import { execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** Where Debian and its kin put the server's programs. */
const debian = '/usr/lib/postgresql';

const binOf = (): string => {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => +a - +b) : [];
  const found = versions.map((version) => join(debian, version, 'bin')).at(-1);
  if (found !== undefined) return found;
  throw new Error(`no PostgreSQL under ${debian}: apt-get install postgresql`);
};

/** The server refuses to be root. */
const asPostgres = (): SpawnOptions => {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
};

export interface PostgresServer {
  /** A new, empty database: its URL. */
  database(): Promise<string>;
  /** Another server that has every commit of this one before it is acknowledged. */
  standby(): Promise<Standby>;
  /** SIGKILL to the whole server, as when its machine dies. */
  kill(): Promise<void>;
  /** Starts it again on the same data. */
  start(): Promise<void>;
  /** SIGSTOP to every process of it, and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

export interface Standby extends PostgresServer {
  /** It is the primary from now on. */
  promote(): Promise<void>;
  /** The same database here. */
  urlOf(url: string): string;
}

export const startPostgres = async (): Promise<PostgresServer> => {
  const user = asPostgres();
  const [dir, data] = await placeFor(user);
  const init = ['-D', data, '-U', 'siteswap', '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N'];
  execFileSync(join(binOf(), 'initdb'), init, { ...user, stdio: 'pipe', cwd: dir });
  const server = new Server(dir, data, user);
  await server.start();
  return server;
};

/** A socket's path is short. */
const placeFor = async ({ uid, gid }: SpawnOptions): Promise<[dir: string, data: string]> => {
  const dir = await mkdtemp(join(tmpdir(), 'sw-pg-'));
  if (uid !== undefined) await chown(dir, uid, gid as number);
  return [dir, join(dir, 'data')];
};

class Server implements Standby {
  readonly #dir: string;
  readonly #data: string;
  readonly #user: SpawnOptions;
  #process: ReturnType<typeof spawn> | undefined;
  #databases = 0;
  readonly #end = () => this.#signal('SIGKILL');

  constructor(dir: string, data: string, user: SpawnOptions) {
    this.#dir = dir;
    this.#data = data;
    this.#user = user;
  }

  async database(): Promise<string> {
    const name = `d${++this.#databases}`;
    await this.#ask(`CREATE DATABASE ${name}`);
    return this.#url(name);
  }

  async standby(): Promise<Standby> {
    const [dir, data] = await placeFor(this.#user);
    const copy = ['-h', this.#dir, '-U', 'siteswap', '-D', data, '-R', '-c', 'fast'];
    execFileSync(join(binOf(), 'pg_basebackup'), copy, { ...this.#user, stdio: 'pipe', cwd: dir });
    const standby = new Server(dir, data, this.#user);
    await standby.start();
    await this.#ask("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await this.#ask('SELECT pg_reload_conf()');
    return standby;
  }

  async promote(): Promise<void> {
    await this.#ask('SELECT pg_promote(true)');
  }

  urlOf(url: string): string {
    return this.#url(new URL(url.replace('@/', '@h/')).pathname.slice(1));
  }

  async start(): Promise<void> {
    const args = [
      '-D',
      this.#data,
      '-k',
      this.#dir,
      '-c',
      'listen_addresses=',
      '-c',
      'max_connections=200',
    ];
    // A group of its own: what is sent to it reaches every process of the server.
    const options: SpawnOptions = {
      ...this.#user,
      cwd: this.#dir,
      stdio: 'ignore',
      detached: true,
    };
    this.#process = spawn(join(binOf(), 'postgres'), args, options);
    // A test that is cut short leaves no server behind.
    process.once('exit', this.#end);
    for (;;) {
      try {
        await this.#ask('SELECT 1');
        return;
      } catch {
        await delay(20);
      }
    }
  }

  async kill(): Promise<void> {
    if (this.#process === undefined) return;
    const ended = once(this.#process, 'exit');
    this.#signal('SIGKILL');
    await ended;
    process.off('exit', this.#end);
    this.#process = undefined;
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #url(database: string): string {
    return `postgres://siteswap@/${database}?host=${encodeURIComponent(this.#dir)}`;
  }

  /**
   * Each process of the server leads a group of its own: all children are told. Their parent stands
   * still meanwhile, so that it starts no other; one may end by itself before it is told.
   */
  #signal(signal: NodeJS.Signals): void {
    const pid = this.#process?.pid as number;
    process.kill(pid, 'SIGSTOP');
    for (const child of childrenOf(pid)) tell(child, signal);
    process.kill(pid, signal);
  }

  async #ask(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url('postgres') });
    client.on('error', () => {});
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }
}

/** Sends a signal to a process that may be gone. */
const tell = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

const childrenOf = (pid: number): number[] => {
  const path = `/proc/${pid}/task/${pid}/children`;
  const said = execFileSync('cat', [path], { encoding: 'utf8' });
  return said.split(' ').filter(Boolean).map(Number);
};
