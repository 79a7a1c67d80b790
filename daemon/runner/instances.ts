/** The copies of VMs, as their compute finds them now; and what would be chosen among them. */
import type { FoundInstance } from '../../sdk/plugin/model.ts';
import type { VmTarget } from '../../sdk/plugin/verbs.ts';
import type { FrozenRun, VmItem } from '../core/frozen.ts';
import { resolveInstances } from '../core/instances/resolve.ts';
import type { RunOpened } from '../core/system-entries.ts';
import type { MoveRequest } from '../planner/freeze-moves.ts';
import type { Scout } from './scout.ts';
import type { InstancesRequest, ResolvedVm } from './service.ts';

/** Where files or records of the VMs stand; a VM that could not be looked for is left out. */
export const foundOf = async (
  scout: Scout,
  computeId: string,
  moves: readonly MoveRequest[],
): Promise<ReadonlyMap<string, readonly FoundInstance[]>> => {
  const ids = [...new Set(moves.map(({ vmId }) => vmId))];
  const targets = ids.map((id): VmTarget => ({ id, instance: 'production' }));
  const answers = await scout.findInstances(computeId, targets, false);
  return new Map(
    answers.flatMap((answer) => ('value' in answer ? [[answer.id, answer.value] as const] : [])),
  );
};

/** What a frozen run moves, for the book of moves. */
export const movesIn = ({ workgroups }: FrozenRun): NonNullable<RunOpened['moves']> =>
  workgroups.flatMap(({ unit, items }) =>
    unit === 'storage'
      ? []
      : (items as readonly VmItem[]).flatMap(({ id, move }) =>
          move === undefined
            ? []
            : [
                {
                  vmId: id,
                  fromDatastoreId: move.fromDatastoreId,
                  toDatastoreId: move.toDatastoreId,
                },
              ],
        ),
  );

/** The dry run of the step `resolve-instances`, on what is mounted at a compute. */
export const resolveAt = async (
  scout: Scout,
  { computeId, vmIds, instance }: InstancesRequest,
): Promise<readonly ResolvedVm[]> => {
  const look = async (ids: readonly string[], digests: boolean): Promise<ResolvedVm[]> => {
    const targets = ids.map((id): VmTarget => ({ id, instance }));
    const answers = await scout.findInstances(computeId, targets, digests);
    return answers.map((answer) =>
      'fault' in answer
        ? { vmId: answer.id, copies: [], resolution: { kind: 'failed', fault: answer.fault } }
        : {
            vmId: answer.id,
            copies: answer.value,
            resolution: resolveInstances(answer.id, answer.value),
          },
    );
  };
  const first = await look(vmIds, false);
  const open = first.flatMap((one) => (one.resolution.kind === 'unproven' ? [one.vmId] : []));
  const proven = open.length === 0 ? [] : await look(open, true);
  const byId = new Map([...first, ...proven].map((one) => [one.vmId, one]));
  return vmIds.flatMap((id) => byId.get(id) ?? []);
};
