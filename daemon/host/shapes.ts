/**
 * The shapes of what plugins may answer. Types end where another author's code begins: every answer
 * is checked here before anything of the daemon believes it. Fields that are not ours are dropped.
 */
import { z } from 'zod';
import { departures, executions, migrationStates } from '../../sdk/plugin/migration.ts';
import { pairStates } from '../../sdk/plugin/model.ts';
import type { ListingVerb, TargetVerb, TargetVerbs } from '../../sdk/plugin/verbs.ts';

const id = z.string().min(1);
const peer = z.object({ arrayId: id, deviceId: id });
const direction = z.enum(['outgoing', 'incoming', 'stretched', 'none']);
const access = z.enum(['read-write', 'read-only']);
const instance = z.enum(['production', 'test']);
const power = z.enum(['on', 'off']);
const pairState = z.enum(pairStates);
const recoveryPoint = z.object({ id, atMs: z.number(), by: z.string() });

const deviceStatus = z.object({
  id,
  direction,
  access,
  pairState,
  lineage: z.string().exactOptional(),
  stretched: z.boolean().exactOptional(),
  preferredSiteId: id.exactOptional(),
  lastRecoveryPoint: recoveryPoint.exactOptional(),
  divergedBytes: z.number().nonnegative().exactOptional(),
});

const syncStatus = z.object({
  id,
  state: z.enum(['in-progress', 'complete', 'none']),
  progress: z.number().exactOptional(),
  recoveryPoint: recoveryPoint.exactOptional(),
  clockMs: z.number().exactOptional(),
});

const vmStatus = z.object({
  id,
  registered: z.boolean(),
  power,
  bootId: z.string().exactOptional(),
  heartbeat: z.number().exactOptional(),
  resumedAt: z.number().exactOptional(),
});

/** Verb → the value of its answers, for the verbs whose answers carry one. */
export const valueShapes: { readonly [V in TargetVerb]?: z.ZodType } = {
  deviceStatus: z.array(deviceStatus),
  recoveryPoints: z.array(recoveryPoint),
  syncStatus,
  listSnapshots: z.array(z.object({ name: id, atMs: z.number() })),
  vmStatus,
  migrationStatus: z.object({
    state: z.enum(migrationStates),
    fromComputeId: id.exactOptional(),
    toComputeId: id.exactOptional(),
    progress: z.number().min(0).max(1).exactOptional(),
    arrival: z
      .object({
        startedId: id.exactOptional(),
        placeholder: z.object({ vmId: id, migrationId: id }).exactOptional(),
        completedId: id.exactOptional(),
        execution: z.enum(executions),
      })
      .exactOptional(),
    departure: z.enum(departures).exactOptional(),
  }),
  readFile: z.object({ content: z.string() }),
  listFiles: z.array(z.string()),
  findInstances: z.array(
    z.object({
      datastoreId: id,
      disks: z.array(z.string()),
      record: z.string().exactOptional(),
      digest: z.string().exactOptional(),
      chosen: z.boolean().exactOptional(),
    }),
  ),
};

/** Verb → one item of its listing. */
export const itemShapes: { readonly [V in ListingVerb]: z.ZodType } = {
  discoverArrays: z.object({
    id,
    name: z.string(),
    vendor: z.string(),
    model: z.string(),
    softwareVersion: z.string(),
    peerArrayIds: z.array(id),
  }),
  discoverDevices: z.object({
    id,
    name: z.string(),
    sizeBytes: z.number().nonnegative(),
    direction,
    access,
    pairState,
    peer: peer.exactOptional(),
    groupId: id.exactOptional(),
    updateMode: z.enum(['active', 'synchronous', 'asynchronous', 'adaptive']).exactOptional(),
    lastRecoveryPoint: recoveryPoint.exactOptional(),
    hostIdentity: z.string().exactOptional(),
    lineage: z.string().exactOptional(),
    stretched: z.boolean().exactOptional(),
    preferredSiteId: id.exactOptional(),
    rpoMs: z.number().nonnegative().exactOptional(),
    divergedBytes: z.number().nonnegative().exactOptional(),
  }),
  listVms: z.object({ id, name: z.string(), datastoreIds: z.array(id), power, instance }),
  listDatastores: z.object({
    id,
    name: z.string(),
    devices: z.array(peer),
    mounted: z.boolean(),
    instance,
  }),
};

/** Verb → what its arguments are called, where it takes any. */
export const argNames: {
  readonly [V in TargetVerb]?: readonly (keyof TargetVerbs[V]['args'])[];
} = {
  snapshot: ['name'],
  removeSnapshot: ['name'],
  failover: ['force'],
  resync: ['changes'],
  restoreReplication: ['to'],
  setSitePreference: ['siteId'],
  migrateLive: ['toComputeId'],
  findInstances: ['digests'],
  removeDisks: ['end'],
};

/** What is told of a target, whatever it is. */
export const targetNames: readonly string[] = [
  'id',
  'devices',
  'peers',
  'instance',
  'datastoreIds',
  'datastoreId',
  'path',
  'content',
  'migrationId',
  'fromDatastoreId',
  'toDatastoreId',
  'record',
];

/** The first thing that is wrong, with its place: `sizeBytes: expected number`. */
export const firstProblem = (error: z.ZodError): string => {
  const issue = error.issues[0];
  if (issue === undefined) return 'malformed';
  return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
};
