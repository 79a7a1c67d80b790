/** What the engine tells the log; the daemon hands in a writer, tests a silent one. */
import type { RunState } from '../core/engine/state.ts';
import type { Entry } from '../core/entries.ts';

export interface RunLog {
  /** One line per durable entry. */
  entry(state: RunState, entry: Entry): void;
  /** A defect ended the run's agent; the journal is whole, a restart goes on. */
  broken(runId: string, error: Error): void;
  /** What ended long ago could not be forgotten; it is tried again. */
  untidy(error: Error): void;
  /** The journal is a new one. */
  begun(): void;
  /** A remote does not answer, and why, or (no message) does again. */
  remote(remoteId: string, message: string): void;
  /** A plugin cannot be used, and why. */
  plugin(pluginId: string, problem: string): void;
  /** The configuration of a remote is not what its plugin wants, and why. */
  misconfigured(remoteId: string, problem: string): void;
  /** Failures on purpose are on, or off again. */
  injections(on: boolean, requester: string, reason: string, rules: number): void;
}

export const silentLog: RunLog = {
  entry: () => {},
  broken: () => {},
  untidy: () => {},
  begun: () => {},
  remote: () => {},
  plugin: () => {},
  misconfigured: () => {},
  injections: () => {},
};
