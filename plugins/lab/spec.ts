/**
 * What a world consists of, as small plain data. A spec crosses to a world's process as JSON, and
 * the same spec builds the same world everywhere; ids are made of positions, never drawn.
 */
import { faultKinds, type UpdateMode, z } from '@siteswap/sdk/plugin';

const siteIds = z.array(z.string().min(1)).min(1).max(16);
const count = z.number().int().min(0);
const ms = z.number().min(0);

/** Every call of a verb (absent: of all) at a remote (absent: at all) takes this long. */
export const latencyRule = z.strictObject({
  remoteId: z.string().optional(),
  verb: z.string().optional(),
  ms,
  /** Added to `ms`, drawn evenly from [0, jitterMs) per call. */
  jitterMs: ms.default(0),
  seed: z.number().int().default(1),
});

/** A share of the targets of a verb fails, drawn per target and call. Nothing is done for them. */
export const faultRule = z.strictObject({
  remoteId: z.string().optional(),
  verb: z.string(),
  /** 0 to 1. */
  rate: z.number().min(0).max(1),
  kind: z.enum(faultKinds),
  code: z.string().optional(),
  /** True: a target that is hit is hit at each call, else each call draws anew. */
  always: z.boolean().default(false),
  seed: z.number().int().default(1),
});

/** What `labSpec` takes. All is optional. */
export const labOptions = z.strictObject({
  seed: z.number().int().default(1),
  sites: siteIds.default(['site-a', 'site-b']),
  /** Array per site; default: `lab-` and the last part of the site's id. */
  arrayIds: z.array(z.string().min(1)).optional(),
  /** Compute per site; default: `lab-compute-` and the last part of the site's id. */
  computeIds: z.array(z.string().min(1)).optional(),
  /** Consistency groups, replicated from the first site to the second. */
  groups: count.default(1),
  devicesPerGroup: count.min(1).default(1),
  vmsPerGroup: count.default(1),
  /** Groups replicated the other way, from the second site to the first. */
  groupsBack: count.default(0),
  /** Further pairs that belong to no group, with VMs as a group has. */
  lonePairs: count.default(0),
  /** Further groups, of stretched devices: both sites write to them, the first is preferred. */
  stretched: count.default(0),
  /** Further groups, stretched too, of which each device has one id at both arrays and no peer. */
  shared: count.default(0),
  /** Further devices at the first site without a peer. */
  singles: count.default(0),
  /** Given to each group's VMs in turn. */
  priorities: z.array(z.number().int()).min(1).default([3]),
  mode: z.enum(['synchronous', 'asynchronous']).default('synchronous'),
  lagMs: ms.default(5_000),
  /** Age that every array is set to keep its copies below, as discovery tells it. */
  rpoMs: ms.optional(),
  sizeBytes: count.default(64 * 1024 ** 3),
  heartbeatMs: z.number().positive().default(100),
  /** Time that operations take at speed 1; 0: done at once, never `accepted`. */
  operationMs: z
    .strictObject({
      sync: ms.default(0),
      reverse: ms.default(0),
      resync: ms.default(0),
      migrateLive: ms.default(0),
      mirrorDisks: ms.default(0),
    })
    .default({ sync: 0, reverse: 0, resync: 0, migrateLive: 0, mirrorDisks: 0 }),
  /** What a heartbeat takes longer on a stretched device at the site that is not preferred. */
  crossSiteMs: ms.default(20),
  /** How long nobody writes when a live migration hands over, and the most that is sound. */
  interruptionMs: ms.default(20),
  interruptionMsMax: ms.default(1_000),
  speed: z.number().positive().default(1),
  latencies: z.array(latencyRule).default([]),
  faults: z.array(faultRule).default([]),
  /** VMs are powered on at the start. */
  poweredOn: z.boolean().default(true),
});

export type LabOptions = z.input<typeof labOptions>;
export type LatencyRule = z.output<typeof latencyRule>;
export type FaultRule = z.output<typeof faultRule>;

/** A remote of the world. */
export interface RemoteSpec {
  readonly id: string;
  readonly siteId: string;
}

/** Pairs that are replicated together, with the datastores and VMs on them. */
export interface GroupSpec {
  readonly id: string;
  /** False: each device stands for itself. */
  readonly grouped: boolean;
  /** Positions in `arrays` and `computes`. */
  readonly source: number;
  readonly target: number;
  readonly devices: number;
  readonly vms: number;
  /** Number of the first VM. */
  readonly vmFrom: number;
  /** `active`: the devices are stretched. */
  readonly mode: UpdateMode;
  /** Both arrays list the devices under one id, and tell of no peer. */
  readonly shared: boolean;
  readonly lagMs: number;
}

/** Options that a spec has as `groups`. */
type GroupOption = 'groups' | 'stretched' | 'shared';

export interface LabSpec extends Omit<z.output<typeof labOptions>, GroupOption | 'sites'> {
  readonly arrays: readonly RemoteSpec[];
  readonly computes: readonly RemoteSpec[];
  readonly groups: readonly GroupSpec[];
}

const suffixOf = (siteId: string): string => siteId.slice(siteId.lastIndexOf('-') + 1);

const remotes = (
  sites: readonly string[],
  ids: readonly string[] | undefined,
  prefix: string,
): RemoteSpec[] =>
  sites.map((siteId, at) => ({ id: ids?.[at] ?? `${prefix}${suffixOf(siteId)}`, siteId }));

const padded = (prefix: string, number: number): string =>
  `${prefix}-${String(number).padStart(4, '0')}`;

/**
 * The spec of a regular world. Group n is `cg-000n` at both arrays; its device m is `lun-X-000n-m`,
 * with X the last part of the site's id; the datastore on it is `ds-000n-m`; VMs are `vm-00001` on.
 */
export const labSpec = (options: LabOptions = {}): LabSpec => {
  const { groups: forth, sites, stretched, shared, ...rest } = labOptions.parse(options);
  const grouped = forth + rest.groupsBack;
  const replicated = grouped + rest.lonePairs;
  const total = sites.length < 2 ? 0 : replicated + stretched + shared;
  const groups = Array.from({ length: total }, (_, at): GroupSpec => {
    const back = at >= forth && at < grouped;
    const lone = at >= grouped && at < replicated;
    const mode = at < replicated ? rest.mode : 'active';
    return {
      id: padded(lone ? 'pair' : 'cg', at + 1),
      grouped: !lone,
      source: back ? 1 : 0,
      target: back ? 0 : 1,
      devices: lone ? 1 : rest.devicesPerGroup,
      vms: rest.vmsPerGroup,
      vmFrom: at * rest.vmsPerGroup + 1,
      mode,
      shared: at >= replicated + stretched,
      lagMs: mode === 'asynchronous' ? rest.lagMs : 0,
    };
  });
  return {
    ...rest,
    arrays: remotes(sites, rest.arrayIds, 'lab-'),
    computes: remotes(sites, rest.computeIds, 'lab-compute-'),
    groups,
  };
};

/** Id of the VM with this number. */
export const vmIdOf = (number: number): string => `vm-${String(number).padStart(5, '0')}`;

/** Id of a group's nth device (from 1) at a site. */
export const deviceIdOf = (siteId: string, group: number, device: number): string =>
  `${padded(`lun-${suffixOf(siteId)}`, group)}-${device}`;

/** Id, at both arrays, of a group's nth device (from 1) that they share. */
export const sharedIdOf = (group: number, device: number): string =>
  `${padded('lun-shared', group)}-${device}`;

/** Id of the datastore on a group's nth device (from 1). */
export const datastoreIdOf = (group: number, device: number): string =>
  `${padded('ds', group)}-${device}`;

/** Id of the nth device without a peer. */
export const singleIdOf = (siteId: string, device: number): string =>
  padded(`lun-${suffixOf(siteId)}-single`, device);

/** Priority of the VM with this number. */
export const priorityOf = (spec: LabSpec, number: number): number =>
  spec.priorities[(number - 1) % spec.priorities.length] ?? 3;

/** What a plan's protection group over some groups of the world says; by default over all. */
export const protectionGroupOf = (
  spec: LabSpec,
  id: string,
  groups: readonly GroupSpec[] = spec.groups,
): {
  readonly id: string;
  readonly groups: { readonly arrayId: string; readonly id: string }[];
  readonly vms: { readonly id: string; readonly priority: number }[];
} => ({
  id,
  groups: groups.map((group) => {
    const storage = spec.arrays[group.source] as RemoteSpec;
    const lone = deviceIdOf(storage.siteId, spec.groups.indexOf(group) + 1, 1);
    return { arrayId: storage.id, id: group.grouped ? group.id : lone };
  }),
  vms: groups.flatMap((group) =>
    Array.from({ length: group.vms }, (_, at) => ({
      id: vmIdOf(group.vmFrom + at),
      priority: priorityOf(spec, group.vmFrom + at),
    })),
  ),
});
