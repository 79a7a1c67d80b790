/** The job of copying from devices to their peers: what sync, reverse and resync come to. */
import type { RecoveryPoint } from '@siteswap/sdk/plugin';
import type { GroupCall, Paired } from './groups.ts';
import { isStretched, type Operation } from './model.ts';
import { start } from './operations.ts';
import { addPoint, dropPoint, startFlow, stopFlow } from './replication.ts';
import { join } from './stretched.ts';

export interface CopyOrder {
  readonly verb: 'sync' | 'reverse' | 'resync';
  /** The sides that are copied from. */
  readonly devices: readonly Paired[];
  /** The peers' own content is replaced, so until the end there is no whole copy. */
  readonly full: boolean;
  /** Snapshot of the peers' content that was made before; `kept` false: it goes at the end. */
  readonly snapshot?: { readonly id: string; readonly kept: boolean };
}

/** The copy is whole as of the operation's start, and replication goes on from there. */
const land = (device: Paired, point: RecoveryPoint, at: number): void => {
  const { link, peer } = device;
  link.at = Math.max(link.at, point.atMs);
  link.whole = true;
  addPoint(device, point);
  addPoint(peer, point);
  if (isStretched(device)) join(device, at);
  else startFlow(device, at);
};

const begin = (call: GroupCall, { devices, full }: CopyOrder): void => {
  if (!full) return;
  for (const device of devices) {
    stopFlow(call.world, device, call.now);
    device.link.whole = false;
  }
};

export const startCopy = (call: GroupCall, order: CopyOrder): Operation => {
  const { world, now, storage, id } = call;
  const { devices, snapshot } = order;
  const pointOf = ({ link }: Paired): RecoveryPoint => ({
    id: `${link.id}@${now}`,
    atMs: now,
    by: storage.id,
  });
  const finish = (at: number) => {
    for (const device of devices) {
      land(device, pointOf(device), at);
      if (snapshot?.kept === false) dropPoint(device.peer, snapshot.id);
    }
    const { id: recoveryPoint } = pointOf(devices[0] as Paired);
    const evidence = { recoveryPoint, recoveryPointAtMs: now };
    return snapshot === undefined ? evidence : { ...evidence, snapshot: snapshot.id };
  };
  const release = (): void => {
    for (const { link } of devices) link.operation = undefined;
  };
  begin(call, order);
  const job = { finish, release };
  const operation = start(world, now, order.verb, { remoteId: storage.id, targetId: id, job });
  if (operation.state === 'running') for (const { link } of devices) link.operation = operation;
  return operation;
};
