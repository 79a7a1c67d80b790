/** What the daemon's configuration says of an array or a compute of this plugin. */
import { path, secret, text, z } from '@siteswap/sdk/plugin';
import { heartbeatMsDefault } from './limits.ts';

const directories = z.record(text(), path());

/** One schema for both kinds: `arrays` makes a compute of it, `peers` an array. */
export const configSchema = z
  .strictObject({
    directory: path().describe('directory of the array, or of the compute'),
    peers: directories.optional().describe('array: peer array id → its directory'),
    arrays: directories.optional().describe('compute: array id → its directory'),
    computes: z
      .record(text(), z.strictObject({ directory: path(), arrays: directories }))
      .optional()
      .describe('compute: those that its VMs can be migrated to, as they are configured'),
    token: secret().optional().describe('array: shown to it, when it was provisioned with one'),
    heartbeatMs: z
      .int()
      .min(1)
      .max(60_000)
      .default(heartbeatMsDefault)
      .describe('compute: between two heartbeats of a VM'),
  })
  .refine(({ peers, arrays }) => peers === undefined || arrays === undefined, {
    message: 'give `peers` for an array or `arrays` for a compute, not both',
    path: ['arrays'],
  });

export type Config = z.infer<typeof configSchema>;
