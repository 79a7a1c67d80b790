/**
 * A daemon's part in a storage migration, as a process that a test can kill: it stands still at a
 * step, says so, and never goes on.
 *
 *     node qemu-mover.js <compute as JSON> <target as JSON> <step>
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cutOver, mirrorDisks } from '../../plugins/qemu/moves.ts';
import type { ComputeSession } from '../../plugins/qemu/session.ts';
import type { MoveTarget } from '../../sdk/plugin/verbs.ts';

const [compute = '', target = '', step] = process.argv.slice(2);
const at = async (reached: string): Promise<void> => {
  if (reached !== step) return;
  process.stdout.write(`${reached}\n`);
  await sleep(600_000);
};
const call = {
  key: 'run-1/move/run/1',
  epoch: 1,
  signal: new AbortController().signal,
  deadlineMs: Date.now() + 600_000,
};
const session = JSON.parse(compute) as ComputeSession;
const move = JSON.parse(target) as MoveTarget;
await mirrorDisks(session, call, move, at);
await cutOver(session, call, move, at);
