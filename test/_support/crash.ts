/** Runs during which the daemon dies: started, cut, picked up, and seen by one watcher all over. */
import { CallError, type Mode, type Run, type RunEvent } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';

export interface Survived {
  readonly run: Run;
  /** What one watcher saw, from the first event to the last, over both processes. */
  readonly events: readonly RunEvent[];
}

export interface RunOrder {
  readonly planId: string;
  readonly mode: Mode;
  readonly requestKey: string;
}

/** The daemon may die before it has answered: nobody knows then, and the request is repeated. */
const tryToStart = async (daemon: TestDaemon, order: RunOrder): Promise<string | undefined> => {
  try {
    return (await daemon.client.runs.start({ ...order, requester: 'ann' })).runId;
  } catch (error) {
    if (error instanceof CallError && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
};

const watched = async (daemon: TestDaemon, runId: string): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of daemon.client.runs.watch(runId)) events.push(event);
  return events;
};

/**
 * Starts a run in a daemon that kills itself when `entries` more entries are durable, starts the
 * daemon again, and waits for the run's end.
 */
export const crashAfter = async (
  daemon: TestDaemon,
  entries: number,
  order: RunOrder,
): Promise<Survived> => {
  await daemon.restart({}, { SITESWAP_TEST_EXIT_AFTER_ENTRIES: String(entries) });
  const heard = await tryToStart(daemon, order);
  const watching = heard === undefined ? undefined : watched(daemon, heard);
  const how = await daemon.ended();
  if (!how.includes('SIGKILL')) throw new Error(`after ${entries} entries: ${how}`);
  await daemon.restart();
  const runId = (await daemon.client.runs.start({ ...order, requester: 'ann' })).runId;
  const events = await (watching ?? watched(daemon, runId));
  return { run: await daemon.client.runs.get(runId), events };
};

/** Kills the daemon as soon as `moment` holds of an event, starts it again, waits for the end. */
export const killWhen = async (
  daemon: TestDaemon,
  runId: string,
  moment: (event: RunEvent) => boolean,
): Promise<Survived> => {
  const events: RunEvent[] = [];
  let killed = false;
  for await (const event of daemon.client.runs.watch(runId)) {
    events.push(event);
    if (killed || !moment(event)) continue;
    killed = true;
    await daemon.kill();
    await daemon.restart();
  }
  if (!killed) throw new Error(`run ${runId} ended before the moment came`);
  return { run: await daemon.client.runs.get(runId), events };
};
