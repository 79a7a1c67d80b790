/**
 * By which ids a step calls for an item, and by which words a rule of injections may name these: as
 * the remote knows it, or as reports and plans print it.
 */
import type { FrozenStep, FrozenWorkgroup, StorageItem, VmItem } from '../core/frozen.ts';
import { recordIds } from './moving.ts';

export interface Named {
  /** Of a call's target. */
  readonly id: string;
  readonly names: readonly string[];
}

type Where = Pick<FrozenStep, 'remote' | 'side'>;

const namesOfGroup = (
  item: StorageItem,
  { remote, side }: Where,
  arrayId: string,
): readonly Named[] => {
  const { id: own } = item[side];
  const names = [own, `${arrayId}/${own}`, item.id];
  if (remote === 'array') return [{ id: own, names }];
  // A compute is asked for the datastores that stand on the group.
  return item.datastores.map(({ id }) => ({ id, names: [id, ...names] }));
};

const namesOfVm = (item: VmItem): readonly Named[] => {
  const files = item.move === undefined ? [] : recordIds(item);
  return [item.id, ...files].map((id) => ({ id, names: [id, item.id] }));
};

/** Of the items at these positions. */
export const namedOf = (
  workgroup: FrozenWorkgroup,
  positions: readonly number[],
  step: Where,
): readonly Named[] => {
  const { protectedArrayId, recoveryArrayId, items } = workgroup;
  const arrayId = step.side === 'protected' ? protectedArrayId : recoveryArrayId;
  const all: readonly (StorageItem | VmItem)[] = items;
  return positions.flatMap((position) => {
    const item = all[position];
    if (item === undefined) return [];
    return 'protected' in item ? namesOfGroup(item, step, arrayId) : namesOfVm(item);
  });
};
