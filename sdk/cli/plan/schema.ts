/**
 * Plan files: what an author writes in YAML, and every rule that can be checked without a daemon.
 * Short forms exist so that the ordinary plan has no ceremony; they mean exactly what the long
 * forms say. What needs the inventory (unknown VM, no peer) is the daemon's to judge.
 */
import { z } from 'zod';
import { faultKinds } from '../../plugin/fault.ts';
import { expectedOf, schemasAt } from '../../yaml/expected.ts';

/** 1 starts first and stops last. */
const priorityMin = 1;
const priorityMax = 5;

/** A rerun written without bounds. */
export const rerunDefault = { attemptsMax: 5, delayMsMin: 500, delayMsMax: 30_000 } as const;

const reaches = ['item', 'workgroup', 'protection-group', 'run'] as const;
type Reach = (typeof reaches)[number];

/** What a fault leads to, in the form the contract has. */
export type Action =
  | { readonly action: 'continue' }
  | { readonly action: 'stop' | 'rollback'; readonly reach: Reach }
  | {
      readonly action: 'rerun';
      readonly attemptsMax: number;
      readonly delayMsMin: number;
      readonly delayMsMax: number;
    };

const id = () => z.string().min(1).max(256);
const reach = z.enum(reaches);
const whole = (min: number, max: number) => z.int().min(min).max(max);
const hourMs = 3_600_000;

/** The bounds of this file are the daemon's; a test holds them equal. */
const rerun = z
  .strictObject({
    attemptsMax: whole(1, 100),
    delayMsMin: whole(0, hourMs).default(rerunDefault.delayMsMin),
    delayMsMax: whole(0, hourMs).default(rerunDefault.delayMsMax),
  })
  .superRefine(({ delayMsMin, delayMsMax }, context) => {
    if (delayMsMin <= delayMsMax) return;
    const unless = delayMsMax === rerunDefault.delayMsMax ? ', which it is unless written' : '';
    const message = `delayMsMin ${delayMsMin} is larger than delayMsMax ${delayMsMax}${unless}`;
    context.addIssue({ code: 'custom', message });
  });

const actionWords =
  'stop; continue; rerun; {stop: REACH}; {rollback: REACH}; or ' +
  '{rerun: {attemptsMax, delayMsMin, delayMsMax}} — REACH is one of ' +
  reaches.join(', ');

type Bare = 'stop' | 'continue' | 'rerun';
type Written = {
  readonly stop?: Reach | undefined;
  readonly rollback?: Reach | undefined;
  readonly rerun?: z.output<typeof rerun> | undefined;
};

const bare = z.enum(['stop', 'continue', 'rerun']);
const actionKeys = {
  stop: reach.optional(),
  rollback: reach.optional(),
  rerun: rerun.optional(),
};

const ofBare = (written: Bare): Action => {
  if (written === 'continue') return { action: 'continue' };
  return written === 'stop'
    ? { action: 'stop', reach: 'workgroup' }
    : { action: 'rerun', ...rerunDefault };
};

const ofWritten = ({ stop, rollback, rerun: bounds }: Written): Action => {
  if (stop !== undefined) return { action: 'stop', reach: stop };
  if (rollback !== undefined) return { action: 'rollback', reach: rollback };
  return { action: 'rerun', ...rerunDefault, ...bounds };
};

const one = (written: object, keysMax = 1) =>
  Object.values(written).filter((value) => value !== undefined).length === keysMax;

const action = z
  .union([
    bare.transform(ofBare),
    z
      .strictObject(actionKeys)
      .refine((written) => one(written), { message: `not one action: expected ${actionWords}` })
      .transform(ofWritten),
  ])
  .describe(actionWords);

const rule = z.strictObject({
  kinds: z.array(z.enum(faultKinds)).min(1).optional(),
  codes: z.array(z.coerce.string().min(1)).min(1).optional(),
  // biome-ignore lint/suspicious/noThenProperty: the contract's word; a schema is never awaited.
  then: action,
});

const stopWorkgroup: Action = { action: 'stop', reach: 'workgroup' };

const shortOrLong = 'either one action, or rules and otherwise';

/** A step's policy: the long form, or one action for every fault. */
export const policySchema = z
  .union([
    bare.transform((written) => ({ rules: [], otherwise: ofBare(written) })),
    z
      .strictObject({
        rules: z.array(rule).optional(),
        otherwise: action.optional(),
        ...actionKeys,
      })
      .refine(
        ({ rules, otherwise, ...short }) =>
          rules === undefined && otherwise === undefined ? one(short) : one(short, 0),
        { message: `not one policy: expected ${shortOrLong}` },
      )
      .transform(({ rules = [], otherwise, ...short }) =>
        one(short)
          ? { rules: [], otherwise: ofWritten(short) }
          : { rules, otherwise: otherwise ?? stopWorkgroup },
      ),
  ])
  .describe(`{rules: [{kinds, codes, then}], otherwise}, or one action: ${actionWords}`);

/** Step name → policy: the `policies` of a plan, and the whole of a policy file. */
export const policiesSchema = z.record(z.string().min(1), policySchema);

const vm = z
  .union([
    id(),
    z.strictObject({
      id: id(),
      priority: whole(priorityMin, priorityMax).optional(),
      dependsOn: z.array(id()).default([]),
    }),
  ])
  .transform((written) => (typeof written === 'string' ? { id: written, dependsOn: [] } : written))
  .describe('the id of a VM, or {id, priority, dependsOn}');

const groupRef = z
  .string()
  .regex(/^[^/]+\/.+$/s)
  .transform((text) => {
    const slash = text.indexOf('/');
    return { arrayId: text.slice(0, slash), id: text.slice(slash + 1) };
  })
  .describe('ARRAY/GROUP: a consistency group, or a lone device, by its id at either array');

const protectionGroup = z.strictObject({
  id: id(),
  groups: z.array(groupRef).min(1),
  vms: z.array(vm).optional(),
});

const options = z.strictObject({
  vmWorkgroupMax: whole(1, 1_000).optional(),
  storageWorkgroupMax: whole(1, 256).optional(),
  release: z
    .union([z.literal('each'), z.strictObject({ batch: whole(1, 10_000) })])
    .describe('each, or {batch: SIZE}')
    .optional(),
  priorityGates: z.boolean().optional(),
  lag: z
    .strictObject({
      rpoTimesMax: whole(1, 1_000).optional(),
      beyond: z.enum(['refuse', 'warn']).optional(),
    })
    .optional(),
  liveMigration: z.boolean().optional(),
  limits: z
    .strictObject({
      perArray: whole(1, 10_000).optional(),
      perCompute: whole(1, 10_000).optional(),
      perStep: z.record(z.string(), whole(1, 10_000)).default({}),
    })
    .optional(),
});

/** A whole plan file. */
export const planSchema = z
  .strictObject({
    id: id(),
    name: z.string().max(256).default(''),
    protectedSite: id(),
    recoverySite: id(),
    protectionGroups: z.array(protectionGroup).min(1),
    policies: policiesSchema.default({}),
    options: options.default({}),
  })
  .refine(({ protectedSite, recoverySite }) => protectedSite !== recoverySite, {
    message: 'the recovery site is the protected site',
    path: ['recoverySite'],
  });

export type PlanFile = z.output<typeof planSchema>;
export type PolicyFile = z.output<typeof policySchema>;

const textForms =
  'stop[:REACH], rollback:REACH, continue, or rerun[:ATTEMPTS[:DELAY_MIN_MS[:DELAY_MAX_MS]]]';

/** `rollback:run` → an action, or why it is none. For `--policy STEP=ACTION`. */
export const actionOfText = (text: string): Action | { readonly problem: string } => {
  const [word, ...rest] = text.split(':');
  const [first, second, third] = rest;
  const written =
    word === 'rerun' && first !== undefined
      ? {
          rerun: {
            attemptsMax: Number(first),
            ...(second === undefined ? {} : { delayMsMin: Number(second) }),
            ...(third === undefined ? {} : { delayMsMax: Number(third) }),
          },
        }
      : first === undefined
        ? word
        : { [String(word)]: first };
  if (typeof written !== 'object' || !('rerun' in written)) {
    const parsed = action.safeParse(written);
    return parsed.success ? parsed.data : { problem: `${text} is not an action` };
  }
  const parsed = rerun.safeParse(written.rerun);
  if (parsed.success) return { action: 'rerun', ...parsed.data };
  const [issue] = parsed.error.issues;
  const bounds = schemasAt(rerun, issue?.path ?? []).map(expectedOf);
  const why =
    issue?.code === 'custom' ? issue.message : `${String(issue?.path[0])}: expected ${bounds}`;
  return { problem: `${text}: ${why}` };
};

/** For usage messages. */
export const actionTextForms = textForms;
