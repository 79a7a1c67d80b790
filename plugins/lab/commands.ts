/**
 * The other side of the lab: what a test, a bench or a person says to the world itself. Breaking
 * things, looking at the far end, and driving its time. Everything here is plain data both ways.
 */

import {
  FaultError,
  type FaultKind,
  recordPathOf,
  type TargetVerb,
  type Verb,
  type z,
} from '@siteswap/sdk/plugin';
import { buildWorld } from './build.ts';
import { dropLate } from './failures.ts';
import type { Lab } from './lab.ts';
import type { EffectOf } from './ledger.ts';
import {
  type LabDevice,
  lineageOf,
  type MigrationStage,
  mediumOf,
  type Operation,
  writable,
} from './model.ts';
import { cut, elapse, progressOf, setSpeed } from './operations.ts';
import { no } from './outcome.ts';
import { crashVms, remotesAt, setDown, setLink } from './sites.ts';
import { type FaultRule, faultRule, latencyRule } from './spec.ts';
import { divergences, verify } from './verify.ts';
import { contentsOf, runsOf, snapshotOf } from './views.ts';

/** Calls that reached a remote. */
export interface CallCounts {
  readonly total: number;
  /** Of these, while the remote did not answer: zero at a site that is declared lost. */
  readonly whileDown: number;
  /** Verb → calls; `settle <verb>` and `operationStatus` count too. */
  readonly byVerb: Readonly<Record<string, number>>;
}

/** How often a verb really changed an object. */
export interface Effect {
  readonly remoteId: string;
  readonly verb: string;
  readonly id: string;
  readonly times: number;
}

/** Calls of a verb that are to fail. */
export interface FailureOrder {
  readonly verb: TargetVerb;
  readonly remoteId?: string;
  /** Absent: every target of the call. */
  readonly targetIds?: readonly string[];
  readonly kind: FaultKind;
  readonly code?: string;
  readonly message?: string;
  /** Default `none`. `done`: the effect is there all the same; `late`: it comes after `lateMs`. */
  readonly effect?: EffectOf;
  readonly lateMs?: number;
  /** Calls that fail; default 1. */
  readonly times?: number;
}

/** Calls of a verb that are never answered. */
export type HangOrder = Omit<FailureOrder, 'kind' | 'code' | 'message'>;

export interface OperationView {
  readonly id: string;
  readonly verb: string;
  readonly remoteId: string;
  readonly targetId: string;
  readonly state: Operation['state'];
  readonly progress: number;
}

const unknown = (what: string): FaultError =>
  new FaultError(no('missing', 'UNKNOWN_REMOTE', `the world has no ${what}`));

const worldOf = (lab: Lab) => {
  elapse(lab.world, lab.time.now());
  return lab.world;
};

const deviceOf = (lab: Lab, arrayId: string, deviceId: string): LabDevice => {
  const device = worldOf(lab).storages.get(arrayId)?.devices.get(deviceId);
  if (device === undefined) throw unknown(`device ${deviceId} at ${arrayId}`);
  return device;
};

const siteOf = (lab: Lab, siteId: string) => {
  const remotes = remotesAt(worldOf(lab), siteId);
  if (remotes.length === 0) throw unknown(`site ${siteId}`);
  return remotes;
};

const arm = (lab: Lab, order: HangOrder & Partial<FailureOrder>): void => {
  lab.world.ledger.armed.push({ ...order, times: order.times ?? 1 });
};

/** Breaking things, and mending them. */
const breaking = {
  /**
   * Nothing answers at the site. Its VMs crash, and with them what was yet to come of calls that it
   * had taken; or they go on writing unseen (`vms: 'keep'`).
   */
  loseSite: (lab: Lab, siteId: string, how: { readonly vms?: 'crash' | 'keep' } = {}): void => {
    const now = lab.time.now();
    for (const remote of siteOf(lab, siteId)) {
      setDown(lab.world, remote, true, now);
      if (how.vms === 'keep') continue;
      dropLate(lab.world, remote.id);
      if (remote.kind === 'compute') crashVms(lab.world, remote, now);
    }
  },
  /** The site answers again, as it was left. */
  returnSite: (lab: Lab, siteId: string): void => {
    for (const remote of siteOf(lab, siteId)) {
      setDown(lab.world, remote, false, lab.time.now());
    }
  },
  /** One array or compute answers nobody (true), or does again (false). */
  setDown: (lab: Lab, remoteId: string, down: boolean): void => {
    const world = worldOf(lab);
    const remote = world.storages.get(remoteId) ?? world.computes.get(remoteId);
    if (remote === undefined) throw unknown(remoteId);
    setDown(world, remote, down, lab.time.now());
  },
  /** Two sites no longer see each other; both go on answering. */
  cutLink: (lab: Lab, oneSiteId: string, otherSiteId: string): void => {
    setLink(worldOf(lab), [oneSiteId, otherSiteId], false, lab.time.now());
  },
  /** They see each other again. */
  healLink: (lab: Lab, oneSiteId: string, otherSiteId: string): void => {
    setLink(worldOf(lab), [oneSiteId, otherSiteId], true, lab.time.now());
  },
  /** The next calls of a verb fail. */
  failNext: (lab: Lab, order: FailureOrder): void => arm(lab, order),
  /** The next calls of a verb are never answered: their deadline ends them. */
  hangNext: (lab: Lab, order: HangOrder): void => arm(lab, order),
  /** Replaces the seeded faults. */
  setFaults: (lab: Lab, rules: readonly z.input<typeof faultRule>[]): void => {
    lab.world.ledger.faults = rules.map((rule): FaultRule => faultRule.parse(rule));
  },
  /** Adds a latency; of several that fit a call the newest counts. `ms` 0 takes it away again. */
  setLatency: (lab: Lab, rule: z.input<typeof latencyRule>): void => {
    const { ledger } = lab.world;
    const isSame = (one: { remoteId?: string | undefined; verb?: string | undefined }): boolean =>
      one.remoteId === rule.remoteId && one.verb === rule.verb;
    ledger.latencies = ledger.latencies.filter((one) => !isSame(one));
    if (rule.ms > 0 || ledger.latencies.length > 0) ledger.latencies.push(latencyRule.parse(rule));
  },
  /** Takes away all latencies, seeded faults, and failures that are still ordered. */
  clearFailures: (lab: Lab): void => {
    const { ledger } = lab.world;
    ledger.latencies = [];
    ledger.faults = [];
    ledger.armed.length = 0;
  },
  /** An operation that runs ends without its effect. */
  failOperation: (lab: Lab, operationId: string, why: string): void => {
    const world = worldOf(lab);
    const operation = world.operations.get(operationId);
    if (operation === undefined) throw unknown(`operation ${operationId}`);
    cut(world, operation, why, lab.time.now());
  },
  /** Live migrations of these VMs stand still once they have come to a stage, until they end. */
  haltMigrations: (lab: Lab, vmIds: readonly string[], stage: MigrationStage): void => {
    for (const id of vmIds) worldOf(lab).halts.set(id, stage);
  },
  /** The guests go on when they are asked to stop (or no longer do). */
  ignoreShutDown: (lab: Lab, vmIds: readonly string[], ignore = true): void => {
    for (const id of vmIds) {
      const image = worldOf(lab).images.get(id);
      if (image === undefined) throw unknown(`VM ${id}`);
      image.obeys = !ignore;
    }
  },
  /** The record of a VM's storage migration on a device is cut short, as by a failing disk. */
  tearRecord: (lab: Lab, arrayId: string, deviceId: string, vmId: string): void => {
    const { files } = mediumOf(deviceOf(lab, arrayId, deviceId));
    const path = recordPathOf(vmId);
    const text = files.findLast((file) => file.path === path)?.content ?? '';
    files.push({ path, content: text.slice(0, text.length / 2), at: lab.time.now() });
  },
  /** Writes to a device as a host would, under a lineage; by default the present one. */
  write: (lab: Lab, arrayId: string, deviceId: string, lineage?: string): 'written' | 'refused' => {
    const device = deviceOf(lab, arrayId, deviceId);
    if (!writable(device) || (lineage ?? lineageOf(device)) !== lineageOf(device)) {
      if (device.fenced) device.refusals += 1;
      return 'refused';
    }
    const at = lab.time.now();
    lab.world.changes += 1;
    const medium = mediumOf(device);
    medium.files.push({ path: '.host', content: `written at ${at}`, at });
    medium.writtenAt = at;
    return 'written';
  },
};

/** Looking at the far end. */
const looking = {
  /** Calls that reached a remote, answered or not. */
  calls: (lab: Lab, remoteId: string): CallCounts => {
    const counts = lab.world.ledger.calls.get(remoteId);
    const byVerb = Object.fromEntries(counts?.byVerb ?? []);
    const total = Object.values(byVerb).reduce((sum, count) => sum + count, 0);
    return { total, whileDown: counts?.whileDown ?? 0, byVerb };
  },
  /** Every object that a verb (absent: any) changed, with how often. */
  effects: (lab: Lab, verb?: Verb): readonly Effect[] => {
    const found: Effect[] = [];
    for (const [remoteId, verbs] of worldOf(lab).ledger.effects) {
      for (const [name, objects] of verbs) {
        if (verb !== undefined && name !== verb) continue;
        for (const [id, times] of objects) found.push({ remoteId, verb: name, id, times });
      }
    }
    return found;
  },
  /** Object → the initiators whose calls of a verb succeeded on it, as far as is remembered. */
  initiators: (lab: Lab, verb: Verb): Readonly<Record<string, readonly string[]>> => {
    const found = new Map<string, Set<string>>();
    for (const [book, successes] of worldOf(lab).ledger.books) {
      const [, name, key = ''] = book.split('\n');
      if (name !== verb) continue;
      for (const id of successes.keys()) {
        const known = found.get(id) ?? new Set();
        found.set(id, known.add(key.split('/')[0] ?? ''));
      }
    }
    return Object.fromEntries([...found].map(([id, known]) => [id, [...known]]));
  },
  snapshot: (lab: Lab) => snapshotOf(worldOf(lab)),
  /** What a device holds; by the id of a snapshot, what it held then. */
  contents: (lab: Lab, arrayId: string, deviceId: string, snapshotId?: string) =>
    contentsOf(lab.world, deviceOf(lab, arrayId, deviceId), lab.time.now(), snapshotId),
  /** Invariants that do not hold; empty in a sound world. */
  verify: (lab: Lab) => verify(worldOf(lab), lab.time.now()),
  /** Where a VM is on, and how it writes there. */
  runs: (lab: Lab, vmId: string) => runsOf(worldOf(lab), vmId, lab.time.now()),
  /** VM → the stage that its newest live migration has come to, whoever knows of it. */
  migrationStages: (lab: Lab): Readonly<Record<string, MigrationStage>> =>
    Object.fromEntries([...worldOf(lab).migrations].map(([id, { stage }]) => [id, stage])),
  /** Writers of an older lineage that an array refused, by device; only those with any. */
  refusals: (lab: Lab, arrayId: string): Readonly<Record<string, number>> => {
    const devices = worldOf(lab).storages.get(arrayId)?.order ?? [];
    const refused = devices.filter((device) => device.refusals > 0);
    return Object.fromEntries(refused.map(({ id, refusals }) => [id, refusals]));
  },
  /** Pairs with two sides that accept writers, each in a lineage of its own. */
  divergences: (lab: Lab) => divergences(worldOf(lab)),
  /** Calls that have arrived and not yet had their effect. */
  slowCalls: (lab: Lab): number => {
    let calls = 0;
    for (const count of lab.world.ledger.underWay.values()) calls += count;
    return calls;
  },
  operations: (lab: Lab): readonly OperationView[] => {
    const world = worldOf(lab);
    return [...world.operations.values()].map((operation) => ({
      id: operation.id,
      verb: operation.verb,
      remoteId: operation.remoteId,
      targetId: operation.targetId,
      state: operation.state,
      progress: progressOf(world, operation, lab.time.now()),
    }));
  },
  /** Ids of all arrays and computes. */
  remotes: (lab: Lab): readonly string[] => [
    ...lab.world.storages.keys(),
    ...lab.world.computes.keys(),
  ],
  spec: (lab: Lab) => lab.world.spec,
};

/** The world's time. */
const timing = {
  now: (lab: Lab): number => lab.time.now(),
  /** How long operations that start from now on take, at speed 1. */
  setOperationMs: (lab: Lab, ms: Partial<Record<Operation['verb'], number>>): void => {
    Object.assign(lab.world.operationMs, ms);
  },
  /** How long nobody writes when a live migration hands over, from now on. */
  setInterruptionMs: (lab: Lab, ms: number): void => {
    worldOf(lab).interruptionMs = ms;
  },
  /** Running operations too go on this much faster than configured. */
  setSpeed: (lab: Lab, speed: number): void => {
    setSpeed(worldOf(lab), lab.time.now(), speed);
  },
  /** Lets time pass, when this world's time is driven by hand. */
  advance: async (lab: Lab, ms: number): Promise<void> => {
    if (!('advance' in lab.time)) {
      throw new FaultError(no('refused', 'NOT_DRIVEN', 'this world lives by real time'));
    }
    await lab.time.advance(ms);
  },
  /** The world as it was at the start, with empty ledgers. */
  reset: (lab: Lab): void => {
    const { spec, changes } = lab.world;
    lab.world = buildWorld(spec, lab.time.now());
    lab.world.changes = changes + 1;
  },
};

export const commands = { ...breaking, ...looking, ...timing };
export type Commands = typeof commands;
