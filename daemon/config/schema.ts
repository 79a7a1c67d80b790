/** The form of the configuration file. What its parts say of each other is checked apart. */
import { z } from 'zod';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { callRuleSchema } from '../../sdk/scenario/schema.ts';
import {
  endedRunDaysDefault,
  endedRunDaysMax,
  endedRunsDefault,
  endedRunsMax,
  idLengthMax,
} from '../core/limits.ts';
import { presentedAs } from '../core/presentation.ts';
import { listenForm } from './listen.ts';

/** Sites, plugins, arrays and computes in one file, each: far more than one daemon can serve. */
const itemsMax = 1_000;

/** A thread costs 12 MiB and serves many calls: more than this is a mistake. */
const workersMax = 64;
const workersDefault = 2;

const id = z.string().min(1).max(idLengthMax).describe(`text of 1 to ${idLengthMax} characters`);
const text = z.string().min(1).describe('text that is not empty');
const list = <T extends z.ZodType>(item: T) => z.array(item).max(itemsMax);

const remote = z.strictObject({
  id,
  site: id,
  plugin: id,
  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('a mapping with what the plugin needs'),
});

const storage = remote.extend({
  present: z.enum(presentedAs).optional(),
  peer: id.optional(),
});

const injection: z.ZodType<CallRule> = callRuleSchema;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** A URL with a password is a secret: it may be written as one. */
const postgresUrl = z
  .union([text, z.strictObject({ env: text }), z.strictObject({ file: text })])
  .describe('a postgres:// URL, or { env: NAME } or { file: PATH } that holds one');

export const configSchema = z.strictObject({
  site: id,
  journal: z.strictObject({ postgres: postgresUrl }).optional(),
  member: id.optional(),
  listen: z
    .union([text, z.array(text).min(1).max(8)])
    .optional()
    .describe(listenForm),
  state: text.optional().describe('the path of the state directory'),
  sites: list(z.strictObject({ id, name: text.optional() })).min(1),
  plugins: list(z.strictObject({ id, module: text })).default([]),
  arrays: list(storage).default([]),
  computes: list(remote).default([]),
  workers: z.int().min(1).max(workersMax).default(workersDefault),
  injections: list(injection).default([]),
  injector: z
    .strictObject({ token: z.unknown() })
    .optional()
    .describe('{ token: { env: NAME } } or { token: { file: PATH } }'),
  retention: z
    .strictObject({
      runs: z.int().min(1).max(endedRunsMax).default(endedRunsDefault),
      days: z.int().min(1).max(endedRunDaysMax).default(endedRunDaysDefault),
    })
    .default({ runs: endedRunsDefault, days: endedRunDaysDefault }),
  log: z
    .strictObject({ level: z.enum(logLevels).default('info'), file: text.optional() })
    .default({ level: 'info' }),
});
