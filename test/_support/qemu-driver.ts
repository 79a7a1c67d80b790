/**
 * A daemon's part in a live migration, as a process that a test can kill: it stands still at a step
 * of the protocol, says so, and never goes on.
 *
 *     node qemu-driver.js <compute as JSON> <vm> <key> <step>
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { migrateLive } from '../../plugins/qemu/migrate.ts';
import type { ComputeSession } from '../../plugins/qemu/session.ts';

const [compute, id = '', key = '', step] = process.argv.slice(2);
const at = async (reached: string): Promise<void> => {
  if (reached !== step) return;
  process.stdout.write(`${reached}\n`);
  await sleep(600_000);
};
const call = {
  key,
  epoch: 1,
  signal: new AbortController().signal,
  deadlineMs: Date.now() + 600_000,
};
const session = JSON.parse(compute ?? '') as ComputeSession;
await migrateLive(session, call, { id, instance: 'production' }, 'compute-b', { at });
