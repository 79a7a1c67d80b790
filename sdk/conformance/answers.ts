/**
 * Checks the shape of what a verb answers. The daemon does the same and turns a violation into a
 * fault of the plugin; here it fails the claim, with the exact place.
 */
import {
  departures,
  executions,
  type Fault,
  faultKinds,
  faultOwners,
  isReading,
  migrationStates,
  pairStates,
  type Verb,
  z,
} from '../plugin/index.ts';
import { claim, show } from './failure.ts';

const id = z.string().min(1);
const evidence = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const fault = z.object({
  kind: z.enum(faultKinds),
  owner: z.enum(faultOwners),
  message: z.string().min(1),
  code: z.string().optional(),
  hint: z.string().optional(),
  members: z.array(z.string()).optional(),
});

const recoveryPoint = z.object({ id, atMs: z.number(), by: z.string().min(1) });
const direction = z.enum(['outgoing', 'incoming', 'stretched', 'none']);
const access = z.enum(['read-write', 'read-only']);
const pairState = z.enum(pairStates);
const instance = z.enum(['production', 'test']);
const power = z.enum(['on', 'off']);
const deviceRef = z.object({ arrayId: id, deviceId: id });

const stretchedFields = {
  stretched: z.boolean().optional(),
  preferredSiteId: id.optional(),
  divergedBytes: z.number().int().nonnegative().optional(),
};
const deviceStatus = z.object({
  id,
  direction,
  access,
  pairState,
  lineage: id.optional(),
  ...stretchedFields,
});
const vmStatus = z.object({
  id,
  registered: z.boolean(),
  power,
  bootId: id.optional(),
  heartbeat: z.number().optional(),
  resumedAt: z.number().optional(),
});

/** Value of a reading verb, per target. */
const values: Readonly<Record<string, z.ZodType>> = {
  deviceStatus: z.array(deviceStatus),
  recoveryPoints: z.array(recoveryPoint),
  syncStatus: z.object({
    id,
    state: z.enum(['in-progress', 'complete', 'none']),
    progress: z.number().min(0).max(1).optional(),
    recoveryPoint: recoveryPoint.optional(),
    clockMs: z.number().optional(),
  }),
  listSnapshots: z.array(z.object({ name: id, atMs: z.number() })),
  vmStatus,
  migrationStatus: z.object({
    state: z.enum(migrationStates),
    fromComputeId: id.optional(),
    toComputeId: id.optional(),
    progress: z.number().min(0).max(1).optional(),
    arrival: z
      .object({
        startedId: id.optional(),
        placeholder: z.object({ vmId: id, migrationId: id }).optional(),
        completedId: id.optional(),
        execution: z.enum(executions),
      })
      .optional(),
    departure: z.enum(departures).optional(),
  }),
  readFile: z.object({ content: z.string() }),
  listFiles: z.array(z.string()),
  findInstances: z.array(
    z.object({
      datastoreId: id,
      disks: z.array(z.string()),
      record: z.string().optional(),
      digest: z.string().optional(),
      chosen: z.boolean().optional(),
    }),
  ),
};

/** Item of a listing verb. */
const items: Readonly<Record<string, z.ZodType>> = {
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
    sizeBytes: z.number().int().nonnegative(),
    direction,
    access,
    pairState,
    peer: deviceRef.optional(),
    groupId: id.optional(),
    updateMode: z.enum(['active', 'synchronous', 'asynchronous', 'adaptive']).optional(),
    lastRecoveryPoint: recoveryPoint.optional(),
    hostIdentity: z.string().optional(),
    lineage: id.optional(),
    ...stretchedFields,
  }),
  listVms: z.object({ id, name: z.string(), datastoreIds: z.array(id), power, instance }),
  listDatastores: z.object({
    id,
    name: z.string(),
    devices: z.array(deviceRef),
    mounted: z.boolean(),
    instance,
  }),
};

const changed = z.union([
  z.strictObject({ id, ok: z.literal(true), evidence: evidence.optional() }),
  z.strictObject({ id, fault }),
  z.strictObject({ id, accepted: z.object({ operation: id }) }),
]);

const settlement = z.discriminatedUnion('verdict', [
  z.object({ id, verdict: z.literal('done'), evidence: evidence.optional() }),
  z.object({ id, verdict: z.literal('absent') }),
  z.object({ id, verdict: z.literal('running') }),
  z.object({ id, verdict: z.literal('unknowable'), why: z.string().min(1) }),
]);

const operationStatus = z.discriminatedUnion('state', [
  z.object({ id, state: z.literal('running'), progress: z.number().min(0).max(1).optional() }),
  z.object({ id, state: z.literal('done'), evidence: evidence.optional() }),
  z.object({ id, state: z.literal('failed'), fault }),
]);

const answerSchema = (verb: Verb): z.ZodType =>
  isReading(verb)
    ? z.union([
        z.strictObject({ id, value: values[verb] as z.ZodType }),
        z.strictObject({ id, fault }),
      ])
    : changed;

/** Plain data only: what a thread boundary or the journal would change is refused. */
const checkPlain = (what: string, value: unknown): void => {
  let copied: unknown;
  try {
    copied = structuredClone(value);
  } catch {
    claim(false, `${what} answered something that cannot cross a thread boundary`);
  }
  claim(
    JSON.stringify(copied) === JSON.stringify(value),
    `${what} answered something that is not plain data`,
  );
};

/** One answer per target, each by its id, in any order, none twice, none else. */
const checkOnePerTarget = (
  what: string,
  targets: readonly { readonly id: string }[],
  answers: readonly { readonly id: string }[],
): void => {
  const open = new Set(targets.map((target) => target.id));
  for (const answer of answers) {
    claim(open.delete(answer.id), `${what} answered for ${answer.id}: not asked, or twice`);
  }
  claim(open.size === 0, `${what} gave no answer for ${[...open].join(', ')}`);
};

const check = <T>(
  what: string,
  schema: z.ZodType,
  targets: readonly { readonly id: string }[],
  answers: unknown,
): readonly T[] => {
  claim(Array.isArray(answers), `${what} answered ${show(answers)}, not a list of answers`);
  checkPlain(what, answers);
  for (const answer of answers) {
    const checked = schema.safeParse(answer);
    claim(checked.success, `${what} answered ${show(answer)}: not of the contract's shape`);
  }
  checkOnePerTarget(what, targets, answers);
  return answers as readonly T[];
};

type Targets = readonly { readonly id: string }[];

export const checkAnswers = <T>(verb: Verb, targets: Targets, answers: unknown): readonly T[] =>
  check(verb, answerSchema(verb), targets, answers);

export const checkSettlements = <T>(verb: Verb, targets: Targets, answers: unknown): readonly T[] =>
  check(`settle of ${verb}`, settlement, targets, answers);

export const checkOperations = <T>(targets: Targets, answers: unknown): readonly T[] =>
  check('operationStatus', operationStatus, targets, answers);

/** A page of a listing; `sizeMax` is the caller's, and holds. */
export const checkPage = (verb: Verb, sizeMax: number, page: unknown): void => {
  const shape = z.object({
    items: z.array(items[verb] as z.ZodType),
    next: id.optional(),
    revision: id.optional(),
    unchanged: z.literal(true).optional(),
  });
  const checked = shape.safeParse(page);
  claim(checked.success, `${verb} answered ${show(page)}: ${checked.error?.issues[0]?.message}`);
  checkPlain(verb, page);
  const count = (page as { items: unknown[] }).items.length;
  claim(count <= sizeMax, `${verb} put ${count} items on a page of at most ${sizeMax}`);
};

export const isFault = (value: unknown): value is Fault => fault.safeParse(value).success;

/** A fault that was thrown by `open` or a listing. */
export const checkFault = (what: string, value: unknown): void => {
  claim(isFault(value), `${what}: ${show(value)} is not of the shape of a fault`);
};
