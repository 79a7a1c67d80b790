/** The verbs by name, and how one is done to each of its targets: once per idempotency key. */
import {
  type Answer,
  type Fault,
  FaultError,
  type GroupTarget,
  isReading,
  type TargetVerb,
  type TargetVerbs,
} from '@siteswap/sdk/plugin';
import * as computes from './computes.ts';
import * as copies from './copies.ts';
import * as files from './files.ts';
import type { GroupCall } from './groups.ts';
import { bookOf, noteEffect, noteSuccess, type Outcome, type Success } from './ledger.ts';
import * as migrations from './migrations.ts';
import type { LabCompute, LabDevice, LabStorage, World } from './model.ts';
import * as moves from './moves.ts';
import { answerOf, no } from './outcome.ts';
import * as readings from './readings.ts';
import type { Named, VerbRequest } from './requests.ts';
import * as roles from './roles.ts';
import { setSitePreference } from './stretched.ts';

export type Remote = LabStorage | LabCompute;

/** Answers of one verb: value, success or fault per target. */
export type Answers = readonly (Named & object)[];

type ComputeCall = computes.ComputeCall;

const groupReads = {
  deviceStatus: readings.deviceStatus,
  recoveryPoints: readings.recoveryPoints,
  syncStatus: readings.syncStatus,
  listSnapshots: readings.listSnapshots,
};

const groupChanges = {
  sync: copies.sync,
  snapshot: copies.snapshot,
  removeSnapshot: copies.removeSnapshot,
  prepareFailover: roles.prepareFailover,
  failover: roles.failover,
  fence: roles.fence,
  testFailoverStart: copies.testFailoverStart,
  testFailoverStop: copies.testFailoverStop,
  reverse: copies.reverse,
  resync: copies.resync,
  restoreReplication: roles.restoreReplication,
  suspendReplication: copies.suspendReplication,
  resumeReplication: copies.resumeReplication,
  setSitePreference,
} satisfies { [V in TargetVerb]?: (call: GroupCall, args: TargetVerbs[V]['args']) => Outcome };

const computeReads = {
  vmStatus: computes.statusOf,
  readFile: files.readFile,
  listFiles: files.listFiles,
  findInstances: moves.findInstances,
  migrationStatus: migrations.migrationStatus,
};

const computeChanges = {
  mount: computes.mount,
  unmount: computes.unmount,
  register: computes.register,
  unregister: computes.unregister,
  powerOn: migrations.powerOn,
  shutDown: computes.shutDown,
  powerOff: computes.powerOff,
  writeFile: files.writeFile,
  migrateLive: migrations.migrateLive,
  cancelMigration: migrations.cancelMigration,
  removeFile: files.removeFile,
  chooseInstance: moves.chooseInstance,
  mirrorDisks: moves.mirrorDisks,
  cutOver: moves.cutOver,
  removeDisks: moves.removeDisks,
} satisfies {
  [V in TargetVerb]?: (
    call: ComputeCall,
    target: TargetVerbs[V]['target'],
    args: TargetVerbs[V]['args'],
  ) => Outcome;
};

type Keys<T> = readonly (keyof T)[];

/** Every verb that the lab offers. */
export const offered = {
  reading: [...Object.keys(groupReads), ...Object.keys(computeReads)] as Keys<
    typeof groupReads & typeof computeReads
  >,
  changing: [...Object.keys(groupChanges), ...Object.keys(computeChanges)] as Keys<
    typeof groupChanges & typeof computeChanges
  >,
};

/** The rule of a verb in one of the tables; the tables' own types are checked where they stand. */
const ruleOf = <R>(table: object, { verb, remoteId }: VerbRequest): R => {
  const rule = (table as Readonly<Record<string, R>>)[verb];
  if (rule !== undefined) return rule;
  throw new FaultError(no('unsupported', 'OTHER_KIND', `${remoteId} cannot do ${verb}`));
};

const devicesOf = (storage: LabStorage, target: GroupTarget): readonly LabDevice[] | Fault => {
  const ids = target.devices.length === 0 ? [target.id] : target.devices;
  const group = target.devices.length === 0 ? storage.groups.get(target.id) : undefined;
  if (group !== undefined) return group;
  const devices: LabDevice[] = [];
  const members: string[] = [];
  for (const id of ids) {
    const device = storage.devices.get(id);
    if (device === undefined) members.push(id);
    else devices.push(device);
  }
  if (members.length === 0) return devices;
  const what = `${storage.id} knows no ${members.join(', ')}`;
  return { ...no('missing', 'UNKNOWN_DEVICE', what), members };
};

/** A consistency group changes whole or not at all. */
const checkWhole = (
  storage: LabStorage,
  devices: readonly LabDevice[],
): readonly LabDevice[] | Fault => {
  for (const { groupId } of devices) {
    const all = groupId === undefined ? undefined : storage.groups.get(groupId);
    if (all === undefined || all.length === devices.length) continue;
    const members = all.filter((device) => !devices.includes(device)).map(({ id }) => id);
    const what = `${groupId} changes only as a whole: ${members.join(', ')} are missing`;
    return { ...no('conflict', 'PARTIAL_GROUP', what), members };
  }
  return devices;
};

const isFault = (value: object): value is Fault => 'kind' in value && 'owner' in value;

const readerOf = (
  world: World,
  now: number,
  remote: Remote,
  request: VerbRequest,
): ((target: Named) => object) => {
  if (remote.kind === 'compute') {
    const rule = ruleOf<(call: ComputeCall, target: Named, args: object) => object>(
      computeReads,
      request,
    );
    const call = { world, now, compute: remote };
    return (target) => rule(call, target, request.args);
  }
  const rule = ruleOf<(call: GroupCall) => object>(groupReads, request);
  return (target) => {
    const devices = devicesOf(remote, target as GroupTarget);
    return 'kind' in devices
      ? devices
      : rule({ world, now, storage: remote, id: target.id, devices });
  };
};

const changerOf = (
  world: World,
  now: number,
  remote: Remote,
  request: VerbRequest,
): ((target: Named) => Outcome) => {
  if (remote.kind === 'compute') {
    const rule = ruleOf<(call: ComputeCall, target: Named, args: object) => Outcome>(
      computeChanges,
      request,
    );
    const call = { world, now, compute: remote };
    return (target) => rule(call, target, request.args);
  }
  const rule = ruleOf<(call: GroupCall, args: object) => Outcome>(groupChanges, request);
  return (target) => {
    const found = devicesOf(remote, target as GroupTarget);
    const devices = 'kind' in found ? found : checkWhole(remote, found);
    if ('kind' in devices) return { fault: devices };
    return rule({ world, now, storage: remote, id: target.id, devices }, request.args);
  };
};

/** True while a remembered success still stands: an operation that failed is none. */
const stands = (success: Success): boolean =>
  !('operation' in success) || success.operation.state !== 'failed';

const changeAll = (
  world: World,
  now: number,
  remote: Remote,
  request: VerbRequest,
): readonly Answer[] => {
  const { ledger } = world;
  const { verb, remoteId, key, targets } = request;
  const change = changerOf(world, now, remote, request);
  const book = bookOf(remoteId, verb, key);
  const successes = ledger.books.get(book);
  return targets.map((target) => {
    const { id } = target;
    const known = successes?.get(id);
    if (known !== undefined && stands(known)) return answerOf(id, known);
    const outcome = change(target);
    if (!('fault' in outcome)) {
      noteSuccess(ledger, book, id, outcome);
      if (!('changed' in outcome) || outcome.changed) noteEffect(ledger, remoteId, verb, id);
    }
    return answerOf(id, outcome);
  });
};

/** Does a verb to each target. */
export const perform = (
  world: World,
  now: number,
  remote: Remote,
  request: VerbRequest,
): Answers => {
  if (!isReading(request.verb)) return changeAll(world, now, remote, request);
  const read = readerOf(world, now, remote, request);
  return request.targets.map((target) => {
    const value = read(target);
    return isFault(value) ? { id: target.id, fault: value } : { id: target.id, value };
  });
};
