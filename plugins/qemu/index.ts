/**
 * A real array and a real hypervisor without hardware: a pair of `qemu-storage-daemon` processes
 * replicates block devices, QEMU runs guests on them. Arrays and VMs are driven by QMP.
 */
import { definePlugin } from '@siteswap/sdk/plugin';
import { computeVerbs } from './compute-verbs.ts';
import { configSchema } from './config.ts';
import { faultOf } from './faults.ts';
import { openSession, type Session } from './session.ts';
import { arrayVerbs } from './storage-verbs.ts';

export default definePlugin<typeof configSchema, Session>({
  name: 'qemu',
  version: '0.1.0',
  contract: 1,
  config: configSchema,
  instance: 'single',
  open: openSession,
  faultOf,
  verbs: { ...arrayVerbs, ...computeVerbs },
});
