/**
 * A connection as a plugin holds it: a stream like the socket behind it, through which the toxics
 * reach that are on at the moment. While none is, bytes pass at once and unchanged.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { applyToxic } from './apply.ts';
import type { Direction, Flow, Piece, WireRule } from './toxic.ts';

/** What the gateway hands in. */
export interface WireParts {
  /** What is on at this remote now: one and the same list until that changes. */
  readonly rules: () => readonly WireRule[];
  /** Calls `changed` after each change, until the answer is called. */
  readonly watch: (changed: () => void) => () => void;
  /** Uniform in [0, 1), a pure function of a seed and coordinates. */
  readonly fraction: (seed: number, coordinates: string) => number;
  /** A rule did something to a connection. */
  readonly hit: (rule: string) => void;
}

/** Bytes that may wait in one direction before its writer has to. */
const waitingBytesMax = 1024 * 1024;

type Sink = (piece: Piece) => Promise<void>;

/** One direction: what waits in it, and what its toxics have let through. */
class Lane {
  readonly #direction: Direction;
  readonly #wire: WireStream;
  readonly #sink: Sink;
  readonly #waiting: Piece[] = [];
  readonly #passed = new Map<string, number>();
  #bytes = 0;
  #busy = false;
  #ease: (() => void) | undefined;

  constructor(direction: Direction, wire: WireStream, sink: Sink) {
    this.#direction = direction;
    this.#wire = wire;
    this.#sink = sink;
  }

  /** Nothing is in the way: the piece may go past. */
  get open(): boolean {
    return !this.#busy && this.#wire.rulesFor(this.#direction).length === 0;
  }

  /** Calls `eased` when there is room for more. */
  take(piece: Piece, eased: () => void): void {
    this.#waiting.push(piece);
    this.#bytes += piece.chunk?.length ?? 0;
    if (this.#bytes < waitingBytesMax) eased();
    else this.#ease = eased;
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let piece = this.#waiting.shift(); piece; piece = this.#waiting.shift()) {
      await this.#through(this.#wire.rulesFor(this.#direction), piece);
      this.#bytes -= piece.chunk?.length ?? 0;
      this.#ease?.();
      this.#ease = undefined;
    }
    this.#busy = false;
  }

  async #through(rules: readonly WireRule[], piece: Piece): Promise<void> {
    if (this.#wire.destroyed) return;
    const [rule, ...others] = rules;
    if (rule === undefined) return this.#sink(piece);
    const passed = this.#passed.get(rule.name) ?? 0;
    const flow: Flow = {
      ...this.#wire.powers(rule, this.#direction),
      passed,
      next: (part) => {
        const before = this.#passed.get(rule.name) ?? 0;
        this.#passed.set(rule.name, before + (part.chunk?.length ?? 0));
        return this.#through(others, part);
      },
    };
    return applyToxic(rule.toxic, piece, flow);
  }
}

const torn = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

export class WireStream extends Duplex {
  readonly #socket: Socket;
  readonly #parts: WireParts;
  /** `remote#connection`: with the seed, all that chance depends on. */
  readonly #coordinates: string;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #draws = new Map<string, number>();
  readonly #naps = new Map<() => void, () => boolean>();
  readonly #unwatch: () => void;
  #known: readonly WireRule[] | undefined;
  #own: Readonly<Record<Direction, readonly WireRule[]>> = { upstream: [], downstream: [] };
  #wanted: (() => void) | undefined;

  constructor(socket: Socket, coordinates: string, parts: WireParts) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#parts = parts;
    this.#coordinates = coordinates;
    this.#up = new Lane('upstream', this, (piece) => this.#send(piece));
    this.#down = new Lane('downstream', this, (piece) => this.#deliver(piece));
    this.#unwatch = parts.watch(() => this.#changed());
    socket.on('data', (chunk: Buffer) => this.#came(chunk));
    socket.on('end', () => this.#down.take({ atMs: Date.now() }, () => {}));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => {
      if (!socket.readableEnded) this.destroy();
    });
    this.#changed();
  }

  /** What is on for this connection in a direction. */
  rulesFor(direction: Direction): readonly WireRule[] {
    const rules = this.#parts.rules();
    if (rules !== this.#known) {
      this.#known = rules;
      const own = rules.filter(({ name, seed, toxicity }) => {
        const coordinates = `${name}/${this.#coordinates}`;
        return toxicity >= 1 || this.#parts.fraction(seed, coordinates) < toxicity;
      });
      const of = (stream: Direction) =>
        own.filter(({ toxic, ...rule }) => toxic.toxic === 'down' || rule.stream === stream);
      this.#own = { upstream: of('upstream'), downstream: of('downstream') };
    }
    return this.#own[direction];
  }

  powers({ name, seed }: WireRule, direction: Direction): Omit<Flow, 'next' | 'passed'> {
    this.#parts.hit(name);
    return {
      sleep: (ms) => this.#sleep(ms, () => this.#isOn(name, direction)),
      now: () => Date.now(),
      fraction: () => {
        const at = (this.#draws.get(name) ?? 0) + 1;
        this.#draws.set(name, at);
        const coordinates = `${name}/${this.#coordinates}/${direction}/${at}`;
        return this.#parts.fraction(seed, coordinates);
      },
      close: () => this.destroy(),
      reset: () => this.#reset(),
    };
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void) {
    if (this.#up.open) this.#socket.write(chunk, done);
    else this.#up.take({ chunk, atMs: Date.now() }, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#up.take({ atMs: Date.now() }, done);
  }

  override _read(): void {
    this.#wanted?.();
    this.#wanted = undefined;
    this.#socket.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#unwatch();
    for (const wake of [...this.#naps.keys()]) wake();
    this.#wanted?.();
    this.#socket.destroy();
    done(error);
  }

  #came(chunk: Buffer): void {
    if (this.#down.open) {
      if (!this.push(chunk)) this.#socket.pause();
      return;
    }
    this.#socket.pause();
    this.#down.take({ chunk, atMs: Date.now() }, () => this.#socket.resume());
  }

  #send({ chunk }: Piece): Promise<void> {
    return new Promise((resolve) => {
      if (chunk === undefined) this.#socket.end(resolve);
      else this.#socket.write(chunk, () => resolve());
    });
  }

  async #deliver({ chunk }: Piece): Promise<void> {
    if (this.push(chunk ?? null) || chunk === undefined) return;
    await new Promise<void>((resolve) => {
      this.#wanted = resolve;
    });
  }

  /** A remote that goes down takes its connections with it, without waiting for a byte. */
  #changed(): void {
    for (const [wake, isOn] of [...this.#naps]) if (!isOn()) wake();
    const down = this.rulesFor('downstream').find(({ toxic }) => toxic.toxic === 'down');
    if (down === undefined) return;
    this.#parts.hit(down.name);
    this.#reset();
  }

  #reset(): void {
    // A unix socket knows no reset.
    if (this.#socket.remoteFamily !== undefined) this.#socket.resetAndDestroy();
    this.destroy(torn());
  }

  #isOn(rule: string, direction: Direction): boolean {
    return this.rulesFor(direction).some(({ name }) => name === rule);
  }

  #sleep(ms: number, isOn: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#naps.delete(wake);
        resolve(isOn());
      };
      const timer = ms > 0 ? setTimeout(wake, ms) : undefined;
      this.#naps.set(wake, isOn);
      if (timer === undefined || this.destroyed || !isOn()) wake();
    });
  }
}
