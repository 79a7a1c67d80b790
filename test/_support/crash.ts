/** Runs during which the daemon dies: started, cut, picked up, and seen by one watcher all over. */
import { CallError, type Run, type RunEvent } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';

export interface Survived {
  readonly run: Run;
  /** What one watcher saw, from the first event to the last, over both processes. */
  readonly events: readonly RunEvent[];
}

export type RunOrder = Omit<Parameters<TestDaemon['client']['runs']['start']>[0], 'requester'> & {
  readonly requestKey: string;
};

/** The daemon may die before it has answered: nobody knows then, and the request is repeated. */
const tryToStart = async (daemon: TestDaemon, order: RunOrder): Promise<string | undefined> => {
  try {
    return (await daemon.client.runs.start({ ...order, requester: 'ann' })).runId;
  } catch (error) {
    if (error instanceof CallError && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
};

/** Everything that a watcher sees of a run, to its end. */
export const watched = async (daemon: TestDaemon, runId: string): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of daemon.client.runs.watch(runId)) events.push(event);
  return events;
};

/**
 * Starts a run in a daemon that will kill itself, starts the daemon again, and waits for the run's
 * end. `died`: false when the run was over before.
 */
export const survive = async (
  daemon: TestDaemon,
  order: RunOrder,
): Promise<Survived & { readonly died: boolean }> => {
  const heard = await tryToStart(daemon, order);
  const watching = heard === undefined ? undefined : watched(daemon, heard);
  const over = watching?.then(() => undefined) ?? new Promise<undefined>(() => {});
  const how = await Promise.race([daemon.ended(), over]);
  if (how !== undefined) {
    if (!how.includes('SIGKILL')) throw new Error(how);
    await daemon.restart({}, { SITESWAP_TEST_EXIT_AFTER_ENTRIES: '0' });
  }
  const runId = (await daemon.client.runs.start({ ...order, requester: 'ann' })).runId;
  const events = await (watching ?? watched(daemon, runId));
  return { run: await daemon.client.runs.get(runId), events, died: how !== undefined };
};

/** The same, with a daemon that dies when `entries` more entries are durable. */
export const crashAfter = async (
  daemon: TestDaemon,
  entries: number,
  order: RunOrder,
): Promise<Survived> => {
  await daemon.restart({}, { SITESWAP_TEST_EXIT_AFTER_ENTRIES: String(entries) });
  const survived = await survive(daemon, order);
  if (!survived.died) throw new Error(`the run has fewer than ${entries} entries`);
  return survived;
};
