/** What the daemon's configuration says of an array or a compute of this plugin. */
import { path, text, z } from '@siteswap/sdk/plugin';

const directories = z.record(text(), path());

/** One schema for both kinds: `arrays` makes a compute of it, `peers` an array. */
export const configSchema = z
  .strictObject({
    directory: path().describe('directory of the array, or of the compute'),
    peers: directories.optional().describe('array: peer array id → its directory'),
    start: z
      .boolean()
      .default(true)
      .describe('start the storage daemon of an array when there is none; false: others do'),
    arrays: directories.optional().describe('compute: array id → its directory'),
    hosts: z.array(text()).min(1).optional().describe('compute: names of its hypervisors'),
    computes: z
      .record(text(), z.strictObject({ site: text(), directory: path(), arrays: directories }))
      .optional()
      .describe('compute: those that its VMs can be migrated to, by id'),
  })
  .refine(({ peers, arrays }) => peers === undefined || arrays === undefined, {
    message: 'give `peers` for an array or `arrays` for a compute, not both',
    path: ['arrays'],
  });

export type Config = z.infer<typeof configSchema>;
