/**
 * Who may write: demote, promote, restore, fence. The rules are those of any sane array, and they
 * alone keep two writers of one lineage apart; nothing here trusts the caller to be careful.
 */
import type { Direction, Evidence, Fault } from '@siteswap/sdk/plugin';
import {
  cutWriters,
  type GroupCall,
  isFault,
  liveWriters,
  oldLineage,
  type Paired,
  paired,
  peerDown,
  plain,
  wrongRole,
} from './groups.ts';
import type { Outcome } from './ledger.ts';
import {
  isStretched,
  type LabDevice,
  lastWriteAt,
  lineageOf,
  mediumOf,
  type Role,
} from './model.ts';
import { cut } from './operations.ts';
import { already, done, firstFault, no } from './outcome.ts';
import {
  addPoint,
  caughtUp,
  directionOf,
  hearOfPeer,
  linkUp,
  startFlow,
  stopFlow,
} from './replication.ts';
import { fenceStretched } from './stretched.ts';

export const prepareFailover = (call: GroupCall): Outcome => {
  const devices = plain(call);
  if (isFault(devices)) return { fault: devices };
  const isDemoted = (device: LabDevice): boolean =>
    device.role === 'prepared' || device.role === 'handed-over';
  const fault = firstFault(devices, (device) => {
    if (isDemoted(device)) return undefined;
    if (device.role !== 'source') return wrongRole(device, 'Demote the source of the pair.');
    if (device.fenced) return oldLineage(device);
    return liveWriters(device);
  });
  if (fault !== undefined) return { fault };
  if (devices.every(isDemoted)) return already();
  for (const device of devices) if (device.role === 'source') device.role = 'prepared';
  return done();
};

const promotion = (devices: readonly Paired[], now: number): Evidence => {
  const points = devices.map((device) => device.points.at(-1));
  const first = points[0];
  const atMs = Math.min(...points.map((point) => point?.atMs ?? now));
  return {
    recoveryPoint: first?.id ?? '',
    recoveryPointAtMs: atMs,
    lineage: lineageOf(devices[0] as Paired),
  };
};

const checkPlanned = (device: Paired, now: number): Fault | undefined => {
  const { peer, link } = device;
  if (device.role !== 'replica') return wrongRole(device, 'Promote the replica of the pair.');
  if (!linkUp(device)) return peerDown(device, 'If its site is lost, promote by force.');
  if (link.operation !== undefined) {
    return no('busy', 'OPERATION_RUNS', `${link.operation.id} copies to ${device.id}`);
  }
  if (peer.role !== 'prepared') {
    return no('conflict', 'PEER_NOT_DEMOTED', `${peer.id} is not demoted`, 'Demote it first.');
  }
  if (caughtUp(peer, link, now)) return undefined;
  return no('conflict', 'NOT_SYNCED', `${device.id} lacks the last writes`, 'Sync it first.');
};

const demoted: ReadonlySet<Role> = new Set(['prepared', 'handed-over']);

/** A demoted source may take back what went to a side that is lost: its own bytes are whole. */
const checkForced = (device: Paired): Fault | undefined => {
  if (demoted.has(device.role)) return undefined;
  if (device.role !== 'replica') return wrongRole(device, 'Promote the replica of the pair.');
  if (device.link.whole) return undefined;
  return no('conflict', 'NO_WHOLE_COPY', `${device.id} holds no whole recovery point`);
};

const promote = (call: GroupCall, device: Paired, force: boolean): void => {
  const { world, now } = call;
  const { link, peer } = device;
  if (link.operation !== undefined) cut(world, link.operation, `${device.id} was promoted`, now);
  const isDemoted = demoted.has(device.role);
  if (!isDemoted) stopFlow(world, device, now);
  device.roleBefore = isDemoted ? device.role : undefined;
  device.role = 'promoted';
  device.promotedAt = now;
  device.lineageBefore = device.lineage;
  const atMs = isDemoted ? lastWriteAt(mediumOf(device), now) : link.at;
  addPoint(device, { id: `${link.id}@${atMs}`, atMs, by: device.storage.id });
  // Only a planned promote is known to the peer: a forced one asks and tells it nothing.
  if (force) device.lineage += 1;
  else peer.role = 'handed-over';
};

export const failover = (call: GroupCall, args: { readonly force: boolean }): Outcome => {
  const devices = plain(call);
  if (isFault(devices)) return { fault: devices };
  if (devices.every((device) => device.role === 'promoted')) {
    return already(promotion(devices, call.now));
  }
  for (const { peer } of devices) if (peer !== undefined) hearOfPeer(peer);
  const fault = firstFault(devices, (device) =>
    args.force ? checkForced(device) : checkPlanned(device, call.now),
  );
  if (fault !== undefined) return { fault };
  for (const device of devices) promote(call, device, args.force);
  return done(promotion(devices, call.now));
};

const checkToSource = (device: Paired, now: number): Fault | undefined => {
  if (device.role === 'source' || device.role === 'prepared') return undefined;
  if (device.role === 'promoted' && device.roleBefore !== undefined) return unwritten(device, now);
  if (device.role !== 'handed-over') return wrongRole(device, 'Only a demoted source goes back.');
  if (!linkUp(device)) return peerDown(device);
  if (device.peer.role !== 'promoted') return undefined;
  const hint = 'Restore that side first.';
  return no('conflict', 'PEER_PROMOTED', `${device.peer.id} is promoted`, hint);
};

const checkToReplica = (device: Paired, now: number): Fault | undefined => {
  if (device.role === 'replica') return undefined;
  if (device.role !== 'promoted') return wrongRole(device, 'Only a promoted replica goes back.');
  return unwritten(device, now);
};

const unwritten = (device: Paired, now: number): Fault | undefined => {
  const writers = liveWriters(device);
  if (writers !== undefined) return writers;
  if (lastWriteAt(mediumOf(device), now) <= device.promotedAt) return undefined;
  return no(
    'conflict',
    'WRITTEN_SINCE',
    `${device.id} was written to since it was promoted`,
    'Reverse the pair, or resync it and discard these changes.',
  );
};

const toSource = (device: Paired, now: number): boolean => {
  if (device.role === 'source') return false;
  if (device.role === 'promoted') {
    device.role = device.roleBefore ?? 'prepared';
    device.lineage = device.lineageBefore;
    return true;
  }
  device.role = 'source';
  startFlow(device, now);
  return true;
};

const toReplica = (device: Paired, now: number): boolean => {
  if (device.role === 'replica') return false;
  device.role = 'replica';
  device.lineage = device.lineageBefore;
  hearOfPeer(device.peer);
  startFlow(device, now);
  return true;
};

const isReplicaBefore = ({ role, roleBefore }: LabDevice): boolean =>
  role === 'promoted' && roleBefore === undefined;

/** Where each device is to go back to; when it is not said, to where its last change came from. */
const wayBack = (
  device: LabDevice,
  to: Readonly<Record<string, Direction>> | undefined,
): Direction => to?.[device.id] ?? (isReplicaBefore(device) ? 'incoming' : 'outgoing');

const checkBack = (device: Paired, to: Direction, now: number): Fault | undefined => {
  if (to === 'outgoing') return checkToSource(device, now);
  if (to === 'incoming') return checkToReplica(device, now);
  return to === directionOf(device) ? undefined : wrongRole(device, `It cannot become ${to}.`);
};

const goBack = (device: Paired, to: Direction, now: number): boolean => {
  if (to === 'outgoing') return toSource(device, now);
  return to === 'incoming' && toReplica(device, now);
};

export const restoreReplication = (
  call: GroupCall,
  { to }: { readonly to?: Readonly<Record<string, Direction>> },
): Outcome => {
  const devices = paired(call);
  if (isFault(devices)) return { fault: devices };
  const { now } = call;
  const fault = firstFault(devices, (device) => checkBack(device, wayBack(device, to), now));
  if (fault !== undefined) return { fault };
  const moved = devices.filter((device) => goBack(device, wayBack(device, to), now));
  return moved.length > 0 ? done() : already();
};

export const fence = (call: GroupCall): Outcome => {
  if (call.devices.some(isStretched)) return fenceStretched(call);
  let writersCut = 0;
  let changed = false;
  for (const device of call.devices) {
    const { peer } = device;
    const isOld = linkUp(device) && peer !== undefined && peer.lineage > device.lineage;
    if (!isOld || device.fenced) continue;
    device.fenced = true;
    changed = true;
    writersCut += cutWriters(mediumOf(device), call.now);
  }
  return changed ? done({ writersCut }) : already({ writersCut });
};
