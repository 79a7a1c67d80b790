/** Jobs and nodes of a daemon: looking, waiting, and taking away what may already be gone. */
import { failure, QmpError } from './faults.ts';
import { waitFor } from './locks.ts';
import type { Qmp } from './qmp.ts';

/** As `query-jobs` says. */
export interface Job {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
  readonly 'current-progress': number;
  readonly 'total-progress': number;
}

/** As `query-block-jobs` says. */
export interface BlockJob {
  readonly device: string;
  readonly status: string;
  readonly len: number;
  readonly offset: number;
  readonly ready: boolean;
}

/** As `query-named-block-nodes` says. */
export interface BlockNode {
  readonly 'node-name': string;
  /** The image below it, while it has one. */
  readonly backing_file?: string;
  readonly 'dirty-bitmaps'?: readonly {
    readonly name?: string;
    readonly count: number;
    readonly inconsistent?: boolean;
  }[];
}

export const jobsOf = (qmp: Qmp): Promise<readonly Job[]> => qmp.must('query-jobs');
export const blockJobsOf = (qmp: Qmp): Promise<readonly BlockJob[]> => qmp.must('query-block-jobs');

export const nodesOf = async (qmp: Qmp): Promise<ReadonlyMap<string, BlockNode>> => {
  const all = await qmp.must<readonly BlockNode[]>('query-named-block-nodes', { flat: true });
  return new Map(all.map((node) => [node['node-name'], node]));
};

/** The error of a job that ended badly, in QEMU's words. */
export const jobError = ({ id, error }: Job): QmpError =>
  new QmpError(id, { class: 'JobError', desc: error ?? 'ended without a word' });

const isGone = (desc: string): boolean => /Cannot find|Failed to find|not found/.test(desc);

/** Does it, unless what it is about is gone already. Throws QmpError for any other refusal. */
export const unlessGone = async (qmp: Qmp, command: string, args: object): Promise<boolean> => {
  const answer = await qmp.execute(command, args as Record<string, unknown>);
  if (answer.ok) return true;
  if (isGone(answer.refusal.desc) || answer.refusal.class === 'DeviceNotFound') return false;
  throw new QmpError(command, answer.refusal);
};

export const dropNode = (qmp: Qmp, name: string): Promise<boolean> =>
  unlessGone(qmp, 'blockdev-del', { 'node-name': name });

/** Ends jobs that nobody writes under, by force, and waits until they are gone. */
export const endJobs = async (
  qmp: Qmp,
  ids: ReadonlySet<string>,
  waitMsMax: number,
): Promise<void> => {
  const asked = new Set<string>();
  const gone = await waitFor(async () => {
    const left = (await jobsOf(qmp)).filter(({ id }) => ids.has(id));
    for (const { id, status } of left) {
      if (status === 'concluded') await unlessGone(qmp, 'job-dismiss', { id });
      else if (!asked.has(id)) {
        await unlessGone(qmp, 'block-job-cancel', { device: id, force: true });
        asked.add(id);
      }
    }
    return left.length === 0 ? true : undefined;
  }, waitMsMax);
  if (gone) return;
  throw failure('timeout', `jobs ${[...ids].join(', ')} did not end within ${waitMsMax} ms`);
};
