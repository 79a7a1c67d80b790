/**
 * No heartbeat is lost beyond what the mode allows: none at all where the source was demoted first,
 * and in a disaster none that the replica held when its site was lost.
 */
import type { Lab } from '../../../plugins/lab/lab.ts';
import { heartbeatAt, type LabVm } from '../../../plugins/lab/model.ts';
import { contentOf } from '../../../plugins/lab/replication.ts';
import type { Checker } from './checker.ts';

/** VM → last heartbeat on the replicas, now. */
const replicated = ({ world, time }: Lab): Map<string, number> => {
  const held = new Map<string, number>();
  const now = time.now();
  for (const storage of world.storages.values()) {
    for (const device of storage.order) {
      if (device.role !== 'replica' || device.link?.whole !== true) continue;
      for (const [vmId, boot] of contentOf(world, device, now).boots) {
        held.set(vmId, heartbeatAt(boot, now, world.spec.heartbeatMs));
      }
    }
  }
  return held;
};

export const noHeartbeatLost: Checker = ({ lab }) => {
  let atLoss: Map<string, number> | undefined;
  const expected = (vm: LabVm, computeId: string): number => {
    const id = vm.image.id;
    for (const other of lab.world.computes.values()) {
      const before = other.id === computeId ? undefined : other.vms.production.get(id)?.boot;
      if (before === undefined || before.onAt >= (vm.boot?.onAt ?? 0)) continue;
      const forced = before.lineage !== vm.boot?.lineage;
      const written = heartbeatAt(before, lab.time.now(), lab.world.spec.heartbeatMs);
      // A site is lost in the middle of what falls due together: its VM may have been off by then.
      return forced && atLoss !== undefined ? Math.min(written, atLoss.get(id) ?? 0) : written;
    }
    return 0;
  };
  return (moment) => {
    if (moment.kind === 'world' && moment.what.includes('lose-site')) atLoss = replicated(lab);
    if (moment.kind !== 'answer' || moment.verb !== 'powerOn') return undefined;
    for (const compute of lab.world.computes.values()) {
      for (const vm of compute.vms.production.values()) {
        if (!vm.on || vm.boot === undefined || vm.boot.onAt !== lab.time.now()) continue;
        const least = expected(vm, compute.id);
        if (vm.boot.base >= least) continue;
        return `${vm.image.id} goes on at ${compute.id} from ${vm.boot.base}, not from ${least}`;
      }
    }
    return undefined;
  };
};
