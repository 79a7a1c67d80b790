/**
 * The session of one remote in one thread: opened at the first call, shared by those that come
 * meanwhile, opened again after a failure, and given up without a word when its site is lost.
 */
import type { Connect } from '../../sdk/plugin/connect.ts';
import type { PluginDefinition } from '../../sdk/plugin/define.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Clock } from '../core/clock.ts';
import { readConfig } from './config.ts';
import { carriedFault, codes, parseFault, unnamedFault, withMoreHint } from './faults.ts';
import { openMsMax, reopenDelayMs } from './limits.ts';
import type { Loaded } from './load.ts';
import type { RemoteConfig } from './remote.ts';
import type { Scrubber } from './scrub.ts';

/** A plugin's session, with what is needed to call it. */
export interface Opened {
  readonly definition: PluginDefinition;
  readonly session: unknown;
  readonly scrub: Scrubber;
}

type Failed = { readonly fault: Fault };
export interface SessionParts {
  readonly load: (remote: RemoteConfig) => Promise<Loaded>;
  readonly clock: Clock;
  /** Asked directly before a session is opened: a fault (its site is lost) refuses it. */
  readonly refusal: (remote: RemoteConfig) => Fault | undefined;
  /** The plugin's way to a remote behind a socket. */
  readonly connectorFor: (remote: RemoteConfig) => Connect;
}

/** What was thrown by plugin code, as a fault: its own, then `faultOf`'s, then unknown. */
export const faultOfThrown = async (
  error: unknown,
  opened: Omit<Opened, 'session'>,
): Promise<Fault> => {
  let fault = carriedFault(error);
  if (fault === undefined) {
    const name = async () => opened.definition.faultOf?.(error);
    fault = parseFault(await name().catch(() => undefined));
  }
  return opened.scrub.fault(fault ?? unnamedFault(error));
};

export class Session {
  readonly #remote: RemoteConfig;
  readonly #parts: SessionParts;
  #opened: Opened | undefined;
  #opening: Promise<Opened | Failed> | undefined;
  #failed: { readonly fault: Fault; readonly untilMs: number } | undefined;
  #controller = new AbortController();

  constructor(remote: RemoteConfig, parts: SessionParts) {
    this.#remote = remote;
    this.#parts = parts;
  }

  /** The open session, or why there is none. */
  use(): Opened | Promise<Opened | Failed> {
    if (this.#opened !== undefined) return this.#opened;
    if (this.#failed !== undefined && this.#parts.clock.now() < this.#failed.untilMs) {
      return Promise.resolve({ fault: this.#failed.fault });
    }
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** No word to the remote: the signal tells the plugin to drop what it holds. */
  giveUp(): void {
    this.#controller.abort(new Error('the session is given up'));
    this.#controller = new AbortController();
    this.#opened = undefined;
    this.#opening = undefined;
    this.#failed = undefined;
  }

  /** Lets the plugin take its leave; whatever it throws, the session is gone. */
  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened !== undefined) {
      const { definition, session } = opened;
      const leave = async () => definition.close?.(session);
      await leave().catch(() => undefined);
    }
    this.giveUp();
  }

  async #open(): Promise<Opened | Failed> {
    const controller = this.#controller;
    const loaded = await this.#parts.load(this.#remote);
    const result = 'fault' in loaded ? loaded : await this.#connect(loaded.definition);
    // Given up meanwhile: a newer session may stand here already.
    if (controller !== this.#controller) return result;
    this.#opening = undefined;
    if (controller.signal.aborted) this.#controller = new AbortController();
    if ('session' in result) this.#opened = result;
    else if (result.fault.code !== codes.siteLost) {
      const untilMs = this.#parts.clock.now() + reopenDelayMs;
      this.#failed = { fault: result.fault, untilMs };
    }
    return result;
  }

  async #connect(definition: PluginDefinition): Promise<Opened | Failed> {
    const { id, siteId } = this.#remote;
    const read = readConfig(definition, this.#remote);
    if ('fault' in read) return read;
    const refusal = this.#parts.refusal(this.#remote);
    if (refusal !== undefined) return { fault: refusal };
    const { config, scrub } = read;
    const { signal } = this.#controller;
    const connect = this.#parts.connectorFor(this.#remote);
    const open = async () => definition.open({ config, remoteId: id, siteId, signal, connect });
    const opening = open().then(
      (session): Opened => ({ definition, session, scrub }),
      async (error): Promise<Failed> => ({
        fault: placed(await faultOfThrown(error, { definition, scrub }), this.#remote),
      }),
    );
    return this.#inTime(opening);
  }

  /** An open without end is given up, so that a later call may try a fresh one. */
  async #inTime(opening: Promise<Opened | Failed>): Promise<Opened | Failed> {
    const { clock } = this.#parts;
    const controller = this.#controller;
    let cancel = (): void => {};
    const late = new Promise<Failed>((resolve) => {
      cancel = clock.wakeAt(clock.now() + openMsMax, () => {
        controller.abort(new Error('opening took too long'));
        resolve({ fault: openDeadline(this.#remote) });
      });
    });
    const result = await Promise.race([opening, late]);
    cancel();
    return result;
  }
}

/** A login that fails is often one that was configured wrong. */
const placed = (fault: Fault, { written }: RemoteConfig): Fault => {
  if (written === undefined) return fault;
  return withMoreHint(fault, `It is configured at ${written.places['']} (${written.entry}).`);
};

const openDeadline = (remote: RemoteConfig): Fault =>
  placed(
    {
      kind: 'unreachable',
      owner: 'array',
      message: `${remote.kind} ${remote.id}: no session within ${openMsMax} ms`,
      code: codes.openDeadline,
      hint: 'Check the remote and the network to it; its plugin does not give up by itself.',
    },
    remote,
  );
