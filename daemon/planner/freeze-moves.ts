/**
 * A storage migration: the disks of running VMs go from one datastore to another at one compute.
 * All that its records will say is decided here, once: a run that is picked up again writes the
 * same.
 */

import { decodeRecord } from '../../sdk/plugin/migration-record.ts';
import type { FoundInstance } from '../../sdk/plugin/model.ts';
import type { DiskMove, FrozenRun, FrozenWorkgroup, VmItem } from '../core/frozen.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import { inFlightPerRemoteDefault } from '../core/limits.ts';
import { priorityDefault } from '../core/plan.ts';
import { storageMigrationSteps } from '../steps/registry.ts';
import { inFlightPerStepDefault } from './defaults.ts';
import { Findings } from './findings.ts';
import type { FreezeContext, Frozen } from './freeze.ts';
import { freezeStep } from './freeze-steps.ts';
import { checkInUse, intentAt } from './in-use.ts';

export interface MoveRequest {
  readonly vmId: string;
  /** Empty: the one datastore that the VM stands on. */
  readonly fromDatastoreId: string;
  readonly toDatastoreId: string;
}

export interface MovesAsked {
  readonly computeId: string;
  readonly moves: readonly MoveRequest[];
}

/** What was seen at the compute when the run was asked for. */
export interface MovesSeen {
  readonly evidence: RemoteEvidence;
  /** VM id → where files or records of it stand. */
  readonly found: ReadonlyMap<string, readonly FoundInstance[]>;
  /** Per move, in order: new ids. */
  readonly migrationIds: readonly string[];
}

const datastoreAt = ({ datastores }: RemoteEvidence, id: string) =>
  datastores.find((one) => one.id === id && one.instance === 'production' && one.mounted);

/** Higher than any that is on record anywhere, whatever became of it. */
const nextSequence = (found: readonly FoundInstance[]): number =>
  1 + Math.max(0, ...found.map(({ record }) => (record && decodeRecord(record)?.sequence) || 0));

interface Asking {
  readonly field: string;
  readonly seen: MovesSeen;
  readonly findings: Findings;
}

/** The datastore to move from, as named or as the only one. */
const sourceOf = (move: MoveRequest, { field, seen, findings }: Asking): string => {
  const vm = seen.evidence.vms.find(({ id, instance }) => {
    return id === move.vmId && instance === 'production';
  });
  if (vm === undefined) {
    findings.problem(`${field}.vmId`, `no VM "${move.vmId}" is registered there: list the VMs`);
    return '';
  }
  if (vm.power === 'off') {
    findings.problem(`${field}.vmId`, `VM "${vm.id}" is off: its disks move while it runs`);
  }
  const [only, ...others] = vm.datastoreIds;
  const from = move.fromDatastoreId === '' && others.length === 0 ? only : move.fromDatastoreId;
  if (from !== undefined && vm.datastoreIds.includes(from)) return from;
  const names = vm.datastoreIds.join(', ');
  findings.problem(
    `${field}.fromDatastoreId`,
    `VM "${vm.id}" stands on ${names}: name one of them`,
  );
  return '';
};

/** Why no disks can come to where a move goes; what the VM runs from is never called a copy. */
const takenBy = (
  { vmId, toDatastoreId }: MoveRequest,
  fromDatastoreId: string,
  { seen }: Asking,
): string | undefined => {
  const isLive = seen.evidence.vms.some(
    ({ id, instance, datastoreIds }) =>
      id === vmId && instance === 'production' && datastoreIds.includes(toDatastoreId),
  );
  if (isLive && [toDatastoreId, ''].includes(fromDatastoreId)) {
    return `${vmId} is already in ${toDatastoreId}: nothing to move`;
  }
  if (isLive) return `VM "${vmId}" runs from "${toDatastoreId}" too: name another datastore`;
  const isCopied = (seen.found.get(vmId) ?? []).some(
    ({ datastoreId, disks }) => datastoreId === toDatastoreId && disks.length > 0,
  );
  if (!isCopied) return undefined;
  return `datastore "${toDatastoreId}" holds a copy of VM "${vmId}" already: remove it first`;
};

const moveOf = (move: MoveRequest, position: number, asking: Asking): DiskMove => {
  const { field, seen, findings } = asking;
  const fromDatastoreId = sourceOf(move, asking);
  const { toDatastoreId } = move;
  const found = seen.found.get(move.vmId) ?? [];
  if (!seen.found.has(move.vmId)) {
    // Without a look at its records nobody knows the next sequence.
    findings.problem(`${field}.vmId`, `the files of VM "${move.vmId}" could not be looked at`);
  }
  const to = datastoreAt(seen.evidence, toDatastoreId);
  const from = datastoreAt(seen.evidence, fromDatastoreId);
  if (to === undefined) {
    findings.problem(
      `${field}.toDatastoreId`,
      `datastore "${toDatastoreId}" is not mounted there: mount it first`,
    );
  }
  const taken = takenBy(move, fromDatastoreId, asking);
  if (taken !== undefined) findings.problem(`${field}.toDatastoreId`, taken);
  return {
    migrationId: seen.migrationIds[position] ?? '',
    sequence: nextSequence(found),
    fromDatastoreId,
    toDatastoreId,
    disks: found.find(({ datastoreId }) => datastoreId === fromDatastoreId)?.disks ?? [],
    devices: [...(from?.devices ?? []), ...(to?.devices ?? [])],
  };
};

/**
 * Not while a plan's run changes the roles of what they stand on, nor beside a test that is under
 * way: it chooses among the datastores that it knew of when it began.
 */
const checkFree = (
  items: readonly VmItem[],
  siteId: string,
  { openRuns = [] }: Pick<FreezeContext, 'openRuns'>,
  findings: Findings,
): void => {
  const touched = items.flatMap(({ id, move }, i) =>
    (move?.devices ?? []).map(({ arrayId, deviceId }) => {
      const end = { arrayId, target: { id: deviceId, devices: [deviceId] }, devices: [] };
      return { id, field: `moves[${i}]`, protected: end, recovery: end };
    }),
  );
  const changing = openRuns.filter(
    ({ frozen: { mode } }) => mode !== 'cleanup' && mode !== 'device',
  );
  checkInUse(intentAt(siteId), touched, changing, findings);
};

const workgroupOf = (items: readonly VmItem[], position: number, computeId: string) =>
  ({
    id: `v${position + 1}`,
    unit: 'vm',
    protectionGroupId: '',
    // It stands on nothing that the run touches.
    storage: position,
    priority: priorityDefault,
    items,
    dependsOn: [],
    protectedArrayId: '',
    recoveryArrayId: '',
    protectedComputeId: computeId,
    recoveryComputeId: computeId,
  }) satisfies FrozenWorkgroup;

/** Freezes a storage migration of VMs at one compute, or says everything that is in its way. */
export const freezeMoves = (
  { computeId, moves }: MovesAsked,
  seen: MovesSeen,
  context: Omit<FreezeContext, 'policies'>,
): Frozen => {
  const findings = new Findings();
  const { siteId, pluginId } = seen.evidence.remote;
  const items = moves.map((move, i): VmItem => {
    const asking = { field: `moves[${i}]`, seen, findings };
    const twice = moves.findIndex(({ vmId }) => vmId === move.vmId) !== i;
    if (twice) findings.problem(`moves[${i}].vmId`, `VM "${move.vmId}" is named twice`);
    const decided = moveOf(move, i, asking);
    return { id: move.vmId, on: [], datastoreIds: [decided.fromDatastoreId], move: decided };
  });
  if (findings.clean) checkFree(items, siteId, context, findings);
  // Each VM goes by itself: one that copies for an hour holds up no other.
  const workgroups = items.map((item, i) => workgroupOf([item], i, computeId));
  const asking = { capabilities: context.capabilities, pluginOf: () => pluginId, findings };
  const options = { given: undefined, inFlightMax: inFlightPerStepDefault };
  const steps = storageMigrationSteps.map((step) => freezeStep(step, workgroups, options, asking));
  if (!findings.clean) return { problems: findings.problems, ...findings.told };
  const frozen: FrozenRun = {
    mode: 'device',
    planId: '',
    protectedSiteId: siteId,
    recoverySiteId: siteId,
    steps,
    workgroups,
    gates: [],
    inFlightMax: { [computeId]: inFlightPerRemoteDefault },
  };
  return { frozen, ...findings.told };
};
