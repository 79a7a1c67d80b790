/**
 * All that happens in a simulation, in order: what the journal took, what reached the far end, what
 * it answered, what was broken, what a person did. Checkers, troubles and the story read it; the
 * engine does not know that it exists.
 */
import { createHash } from 'node:crypto';
import type { Entry } from '../../daemon/core/entries.ts';
import type { SystemEntry } from '../../daemon/core/system.ts';
import type { RunReport, RunView } from '../../daemon/core/view.ts';
import type { RunDescription } from '../../daemon/runner/service.ts';
import type { TaskJob } from '../../daemon/workers/pool.ts';
import type { MigrationStage } from '../../plugins/lab/model.ts';
import type { Device } from '../../sdk/plugin/model.ts';
import type { SimTime } from './time.ts';

/** A life of a daemon, and the epoch in which it drives a run. */
export interface SimLicence {
  readonly life: string;
  readonly epoch: number;
}

export type What =
  /** An entry is durable; whether its writer ever hears of it is another matter. */
  | { readonly kind: 'landed'; readonly stream: string; readonly entry: Entry | SystemEntry }
  /** A job is given to a thread. */
  | {
      readonly kind: 'job';
      /** Under which it is given. */
      readonly licence: SimLicence;
      readonly runId: string;
      readonly workgroup: string;
      readonly step: string;
      readonly phase: TaskJob['phase'];
      readonly attempt: number;
    }
  /** A request has reached its remote. `verb`: `settle failover`, `operationStatus`, … too. */
  | {
      readonly kind: 'call';
      readonly call: number;
      /** Under which it is made. */
      readonly licence: SimLicence;
      readonly remoteId: string;
      readonly verb: string;
      /** Initiator id, step, direction, verb; empty when the request only looks. */
      readonly key: string;
      readonly targetIds: readonly string[];
    }
  /** The remote has done what it does; the answer is on its way. `failed`: ids with a fault. */
  | {
      readonly kind: 'answer';
      readonly call: number;
      readonly verb: string;
      readonly failed: readonly string[];
      readonly fault?: string;
    }
  /** A request by somebody who drives the run no more has reached a remote that knows it. */
  | {
      readonly kind: 'outdated';
      readonly remoteId: string;
      readonly verb: string;
      readonly key: string;
    }
  /** The answer is with whoever asked. */
  | { readonly kind: 'heard'; readonly call: number }
  /** Nobody waits for the answer any more. */
  | { readonly kind: 'given-up'; readonly call: number }
  /** A live migration has come to this, at the far end. */
  | { readonly kind: 'stage'; readonly vmId: string; readonly stage: MigrationStage }
  /** Something was broken or mended. */
  | { readonly kind: 'world'; readonly what: string }
  | {
      readonly kind: 'daemon';
      readonly what: 'starts' | 'stands' | 'freezes' | 'thaws' | 'dies';
      readonly life: string;
    }
  /** A member leaves in order, and any other may take this run of it. */
  | { readonly kind: 'handed-over'; readonly runId: string }
  /** What a person asked for, and what became of it. */
  | { readonly kind: 'person'; readonly what: string; readonly said: string }
  /** A watcher got these events. */
  | { readonly kind: 'events'; readonly runId: string; readonly seqs: readonly number[] }
  /** What the API says of a run that is parked or has ended. */
  | {
      readonly kind: 'rest';
      readonly runId: string;
      readonly view: RunView;
      readonly report: RunReport;
      readonly description: RunDescription;
    }
  /** What became of somebody else's run, which has ended. */
  | { readonly kind: 'told'; readonly runId: string; readonly report: RunReport }
  /** What the API lists of an array's devices, asked afresh. */
  | { readonly kind: 'listed'; readonly arrayId: string; readonly devices: readonly Device[] }
  /** The daemon itself found a defect. */
  | { readonly kind: 'defect'; readonly message: string }
  /** Everything is mended, all calls have landed, nothing more will happen. */
  | { readonly kind: 'end' };

export type Moment = What & { readonly at: number };

export class History {
  readonly moments: Moment[] = [];
  readonly #time: SimTime;
  readonly #listeners: ((moment: Moment) => void)[] = [];

  constructor(time: SimTime) {
    this.#time = time;
  }

  /** Called at each moment, when it has just happened. */
  listen(listener: (moment: Moment) => void): void {
    this.#listeners.push(listener);
  }

  note(what: What): void {
    const moment: Moment = { at: this.#time.now(), ...what };
    this.moments.push(moment);
    this.#time.stir();
    for (const listener of this.#listeners) listener(moment);
  }

  /** The same for the same schedule, and for no other. */
  digest(): string {
    const sum = createHash('sha256');
    for (const moment of this.moments) sum.update(JSON.stringify(moment)).update('\n');
    return sum.digest('hex');
  }
}
