/**
 * The mirror of a guest's disk, in the guest's own QEMU: every write goes to both copies, and at
 * the cut-over the guest's device is put upon the other one. It is ended while the guest stands
 * still: QEMU 7.2 does not survive the end of a mirror that somebody writes under
 * (docs/decisions/0029).
 */
import { createHash } from 'node:crypto';
import { failure } from './faults.ts';
import { type BlockJob, blockJobsOf, dropNode, jobError, jobsOf, unlessGone } from './jobs.ts';
import { drainMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import type { BlockDevice } from './machine.ts';
import type { Qmp } from './qmp.ts';

/** Of a migration's mirror: the name of its job, and of the node that it writes to. */
export const mirrorOf = (migrationId: string): string =>
  `move-${createHash('sha256').update(migrationId).digest('hex').slice(0, 20)}`;

interface Block {
  readonly inserted?: { readonly 'node-name'?: string };
}

/** The node under each of the guest's disks, in their order. */
const nodesUnder = async (qmp: Qmp): Promise<readonly string[]> =>
  (await qmp.must<readonly Block[]>('query-block')).flatMap(
    ({ inserted }) => inserted?.['node-name'] ?? [],
  );

export const mirrorJob = async (qmp: Qmp, name: string): Promise<BlockJob | undefined> =>
  (await blockJobsOf(qmp)).find(({ device }) => device === name);

const dismissed = async (qmp: Qmp, name: string): Promise<void> => {
  const job = (await jobsOf(qmp)).find(({ id }) => id === name);
  if (job?.status !== 'concluded') return;
  await unlessGone(qmp, 'job-dismiss', { id: name });
  await dropNode(qmp, name);
  if (job.error !== undefined) throw failure('interrupted', jobError(job).message);
};

/** Begins it unless it is there; answers when both copies are equal, and stay so. */
export const beginMirror = async (
  qmp: Qmp,
  name: string,
  { disk, onto }: { readonly disk: number; readonly onto: BlockDevice },
  { waitMsMax, signal }: { readonly waitMsMax: number; readonly signal: AbortSignal },
): Promise<void> => {
  await dismissed(qmp, name).catch(() => undefined);
  if ((await mirrorJob(qmp, name)) === undefined) {
    await dropNode(qmp, name);
    await qmp.must('blockdev-add', { ...onto, 'node-name': name });
    await qmp.must('blockdev-mirror', {
      ...{ 'job-id': name, device: (await nodesUnder(qmp))[disk], target: name },
      ...{ sync: 'full', 'copy-mode': 'write-blocking', 'on-target-error': 'report' },
      'auto-dismiss': false,
    });
  }
  const equal = async (): Promise<true | undefined> => {
    await dismissed(qmp, name);
    const job = await mirrorJob(qmp, name);
    if (job === undefined) throw failure('interrupted', 'the mirror has ended');
    return job.ready ? true : undefined;
  };
  if (await waitFor(equal, waitMsMax, signal)) return;
  throw failure('timeout', `the copies are not equal within ${waitMsMax} ms`);
};

/** The guest stands still: what it wrote is in both copies when this returns. */
export const drained = async (qmp: Qmp, name: string): Promise<void> => {
  const done = async (): Promise<true | undefined> => {
    const job = await mirrorJob(qmp, name);
    if (job?.ready !== true) throw failure('conflict', 'the disks are not mirrored any more');
    return job.offset === job.len ? true : undefined;
  };
  if (await waitFor(done, drainMsMax)) return;
  throw failure('timeout', `the mirror has not caught up within ${drainMsMax} ms`);
};

const ended = async (qmp: Qmp, name: string): Promise<void> => {
  const gone = async (): Promise<true | undefined> => {
    await dismissed(qmp, name);
    return (await mirrorJob(qmp, name)) === undefined ? true : undefined;
  };
  if (await waitFor(gone, drainMsMax)) return;
  throw failure('timeout', `the mirror has not ended within ${drainMsMax} ms`);
};

/** Puts the guest's disk upon the copy, and lets go of what it stood on. */
export const pivot = async (qmp: Qmp, name: string, disk: number): Promise<void> => {
  const left = (await nodesUnder(qmp))[disk];
  if (left === name || (await mirrorJob(qmp, name)) === undefined) return;
  await qmp.must('job-complete', { id: name });
  const over = async (): Promise<true | undefined> => {
    const job = (await jobsOf(qmp)).find(({ id }) => id === name);
    if (job === undefined) return true;
    if (job.status !== 'concluded') return undefined;
    await unlessGone(qmp, 'job-dismiss', { id: name });
    if (job.error !== undefined) throw failure('interrupted', jobError(job).message);
    return true;
  };
  if (!(await waitFor(over, drainMsMax))) throw failure('timeout', 'the disk does not go over');
  if (left !== undefined) await dropNode(qmp, left);
};

/** Ends it without the copy. The guest stands still meanwhile. */
export const dropMirror = async (qmp: Qmp, name: string): Promise<void> => {
  if ((await mirrorJob(qmp, name)) === undefined)
    return dismissed(qmp, name).catch(() => undefined);
  const { status } = await qmp.must<{ status: string }>('query-status');
  if (status === 'running') await qmp.must('stop');
  try {
    await unlessGone(qmp, 'block-job-cancel', { device: name });
    await ended(qmp, name).catch((error: unknown) => {
      if (error instanceof Error && !error.message.includes(name)) throw error;
    });
    await dropNode(qmp, name);
  } finally {
    if (status === 'running') await qmp.must('cont');
  }
};
