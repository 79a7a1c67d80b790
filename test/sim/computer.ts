/**
 * The computer on which the daemon runs: its disk outlives every daemon, its wall clock may stand
 * anywhere after a restart, and it starts the daemon again after each death.
 */

import type { DaemonConfig } from '../../daemon/config.ts';
import type { PresentedAs } from '../../daemon/core/presentation.ts';
import { retentionDefault } from '../../daemon/core/retention.ts';
import { createDaemon } from '../../daemon/daemon.ts';
import type { RemoteConfig } from '../../daemon/host/remote.ts';
import type { Journal } from '../../daemon/journal/journal.ts';
import { createLog } from '../../daemon/log.ts';
import type { RunningEngine } from '../../daemon/runner/engine.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import type { Chance } from './chance.ts';
import type { FarEnd } from './far-end.ts';
import type { History } from './history.ts';
import { Mortal } from './mortal.ts';
import { SimPool } from './pool.ts';
import type { SimTime } from './time.ts';

/** Any date will do; this one makes stories easy to read. */
const epochMs = Date.UTC(2026, 0, 1);

const sites = [
  { id: 'site-a', name: 'A' },
  { id: 'site-b', name: 'B' },
];

const remote = (id: string, kind: 'array' | 'compute', siteId: string) => ({
  id,
  kind,
  siteId,
  pluginId: 'lab',
  module: 'lab',
  config: { world: { inline: 'simulated' } },
});

const plainRemotes: readonly RemoteConfig[] = [
  remote('lab-a', 'array', 'site-a'),
  remote('lab-b', 'array', 'site-b'),
  remote('lab-compute-a', 'compute', 'site-a'),
  remote('lab-compute-b', 'compute', 'site-b'),
];

/** Site at which a remote stands. */
export const siteOfRemote = (remoteId: string): string =>
  plainRemotes.find(({ id }) => id === remoteId)?.siteId ?? '';

/** The remotes, lab-a and its pairs shown as something else if that is wanted. */
const remotesOf = (as: PresentedAs | undefined): readonly RemoteConfig[] =>
  as === undefined
    ? plainRemotes
    : plainRemotes.map((one) =>
        one.id === 'lab-a' ? { ...one, present: { as, peerArrayId: 'lab-b' } } : one,
      );

/** The daemon died before it answered: what was asked for may be done, or not. */
export class NoAnswer extends Error {}

/** What was asked of a daemon, and what became of it. */
export type Act<T> = (engine: RunningEngine) => Promise<T>;

export interface ComputerParts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly history: History;
  /** Its daemon's name, among several. */
  readonly name: string;
  readonly siteId: string;
  /** The journal as one life of the daemon has it. */
  readonly journal: (life: Mortal) => Journal;
  /** What the journal stands on may be away; then a daemon that starts ends, and starts again. */
  readonly startMayFail?: boolean;
  readonly farEnd: FarEnd;
  readonly injections: readonly CallRule[];
  readonly threads: number;
  readonly present: PresentedAs | undefined;
  /** How long a dead daemon stays away. */
  readonly restartMsMax: number;
  /** How far the wall clock may be off after a restart. */
  readonly wallJumpMsMax: number;
}

export class Computer {
  /** It cannot reach what its journal stands on; whoever broke that mends it. */
  cutOff = false;
  readonly #parts: ComputerParts;
  #lives = 0;
  #life = new Mortal('no daemon yet');
  #pool: SimPool | undefined;
  #stands = false;
  #burnt = false;
  #engine: RunningEngine | undefined;
  /** Undefined: it went with its site. */
  #standing = Promise.withResolvers<RunningEngine | undefined>();

  constructor(parts: ComputerParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.name;
  }

  get life(): Mortal {
    return this.#life;
  }

  get siteId(): string {
    return this.#parts.siteId;
  }

  /** It went with its site. */
  get burnt(): boolean {
    return this.#burnt;
  }

  /** Its daemon is there to be asked. */
  get stands(): boolean {
    return this.#stands;
  }

  /** Of the daemon, once one stands. */
  async ask<T>(act: Act<T>): Promise<T | Error> {
    const engine = await this.#standing.promise;
    if (engine === undefined) return new NoAnswer();
    const asked = act(engine).catch((error: Error) => error);
    return Promise.race([asked, this.#life.died.then(() => new NoAnswer())]);
  }

  async start(): Promise<void> {
    const { time, chance, history, name, journal, farEnd, injections, threads } = this.#parts;
    const remotes = remotesOf(this.#parts.present);
    const life = new Mortal(`${name} ${++this.#lives}`);
    this.#life = life;
    history.note({ kind: 'daemon', what: 'starts', life: life.name });
    const jump = this.#lives === 1 ? 0 : this.#parts.wallJumpMsMax;
    const offsetMs = epochMs + chance.between(-jump, jump);
    const pool = new SimPool(life, { remotes, farEnd, history, time, offsetMs, threads });
    this.#pool = pool;
    const started = createDaemon(configOf(this.#parts, injections, remotes), {
      journal: journal(life),
      pool,
      clock: life.clock(time, offsetMs),
      random: { id: () => chance.id(), fraction: () => chance.fraction() },
      log: createLog({ log: { level: 'error' }, secrets: [] }, (line) => {
        if (!life.dead) history.note({ kind: 'defect', message: line });
      }),
    });
    const mayFail = this.#parts.startMayFail === true;
    const daemon = await (mayFail ? started.catch(() => undefined) : started);
    if (life.dead) return;
    if (daemon === undefined) return this.crash();
    this.#stands = true;
    this.#engine = daemon.engine;
    history.note({ kind: 'daemon', what: 'stands', life: life.name });
    this.#standing.resolve(daemon.engine);
  }

  /** Runs that its daemon drives. */
  get drives(): number {
    return this.#stands ? (this.#engine?.health().openRuns ?? 0) : 0;
  }

  /** As SIGSTOP, and SIGCONT a while later. */
  freeze(forMs: number): void {
    const { history, time } = this.#parts;
    const life = this.#life;
    if (life.dead || life.frozen) return;
    life.freeze();
    history.note({ kind: 'daemon', what: 'freezes', life: life.name });
    time.at(time.now() + forMs, () => this.#thaw(life));
  }

  thaw(): void {
    this.#thaw(this.#life);
  }

  #thaw(life: Mortal): void {
    if (!life.frozen || life.dead) return;
    this.#parts.history.note({ kind: 'daemon', what: 'thaws', life: life.name });
    life.thaw();
  }

  /** As `kill -9`, or as the plug; another daemon starts a while later. */
  crash(): void {
    const { history, time, chance, restartMsMax } = this.#parts;
    if (this.#life.dead) return;
    // Who waits for a daemon that died while it started waits for the next one.
    if (this.#stands) this.#standing = Promise.withResolvers();
    this.#stands = false;
    this.#life.die();
    history.note({ kind: 'daemon', what: 'dies', life: this.#life.name });
    time.at(time.now() + chance.spread(1, restartMsMax), () => {
      if (!this.#burnt && this.#life.dead) void this.start();
    });
  }

  /** It goes with its site, and no daemon starts there until it is rebuilt. */
  burn(): void {
    this.#burnt = true;
    this.crash();
    this.#standing.resolve(undefined);
  }

  rebuild(): void {
    if (!this.#burnt) return;
    this.#burnt = false;
    this.#standing = Promise.withResolvers();
    void this.start();
  }

  killThread(): void {
    this.#pool?.killThread();
  }
}

const configOf = (
  { name: member, siteId: site }: Pick<ComputerParts, 'name' | 'siteId'>,
  injections: readonly CallRule[],
  remotes: readonly RemoteConfig[],
): DaemonConfig => ({
  file: '/simulated/siteswap.yaml',
  site,
  listen: [],
  state: '/simulated/state',
  member,
  sites,
  plugins: [{ id: 'lab', module: 'lab' }],
  remotes,
  workers: 1,
  injections,
  retention: retentionDefault,
  log: { level: 'error' },
  secrets: [],
});
