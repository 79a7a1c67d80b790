/**
 * A VM is never on from a copy that a completed storage migration has left behind, nor from half a
 * one: read from what is mounted at its compute, with nothing of the code that chooses.
 */
import type { Lab } from '../../../plugins/lab/lab.ts';
import { markOf } from '../../../plugins/lab/marks.ts';
import { type LabCompute, type LabVm, mediumOf, standsOn } from '../../../plugins/lab/model.ts';
import { decodeRecord, recordPathOf } from '../../../sdk/plugin/migration-record.ts';
import type { Checker } from './checker.ts';

const mediumAt = ({ datastores }: LabCompute, { instance }: LabVm, id: string) => {
  const datastore = datastores[instance].get(id);
  const device = datastore?.mounted ? datastore.devices[0] : undefined;
  return device && (instance === 'test' ? device.copy : mediumOf(device));
};

const wrongCopy = ({ world }: Lab, compute: LabCompute, vm: LabVm): string | undefined => {
  const { id } = vm.image;
  const own = standsOn(vm);
  for (const datastoreId of own) {
    const medium = mediumAt(compute, vm, datastoreId);
    const mark = medium && markOf(world, medium, id, datastoreId);
    if (mark !== undefined && mark !== 'whole') return `${id} is on from a ${mark} copy`;
  }
  for (const datastoreId of world.movedTo.get(id) ?? []) {
    if (own.includes(datastoreId)) continue;
    const files = mediumAt(compute, vm, datastoreId)?.files ?? [];
    const text = files.findLast(({ path }) => path === recordPathOf(id))?.content;
    const record = text === undefined ? undefined : decodeRecord(text);
    if (record?.role !== 'destination' || record.state !== 'completed') continue;
    return `${id} is on from ${own.join()}, and ${datastoreId} holds the newer copy`;
  }
  return undefined;
};

export const rightCopy: Checker =
  ({ lab }) =>
  (moment) => {
    if (moment.kind !== 'answer' || lab.world.movedTo.size === 0) return undefined;
    if (moment.verb !== 'powerOn' && moment.verb !== 'cutOver') return undefined;
    for (const compute of lab.world.computes.values()) {
      for (const vm of compute.vmOrder) {
        const wrong = vm.on ? wrongCopy(lab, compute, vm) : undefined;
        if (wrong !== undefined) return `${wrong} (${vm.instance} at ${compute.id})`;
      }
    }
    return undefined;
  };
