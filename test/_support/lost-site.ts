/** The whole of `site-a` goes, and comes back: for tests of what a daemon does without it. */
import { stopVms } from '@siteswap/plugin-files/inspect';
import type { ExecutionContext } from 'ava';
import type { FilesDaemon } from './daemon.ts';
import { moversOf, until } from './files.ts';
import { layTripwire } from './tripwire.ts';

export interface LostSite {
  /** Whether anybody has gone near its array or compute. */
  readonly touched: () => boolean;
  /** Its directories are back as they were; its VMs are off. */
  readonly restore: () => Promise<void>;
}

/** Pulls the plug of the whole of `site-a`; it is put back when the test ends, at the latest. */
export const lose = async (
  t: ExecutionContext,
  { sites }: Pick<FilesDaemon, 'sites'>,
): Promise<LostSite> => {
  await stopVms(sites.compute.a);
  // The processes that replicate are part of the array, and go with it.
  for (const pid of moversOf(sites.directory.a)) process.kill(pid, 'SIGKILL');
  await until(() => moversOf(sites.directory.a).length === 0);
  const storage = await layTripwire(sites.directory.a);
  const compute = await layTripwire(sites.compute.a);
  let isBack = false;
  const restore = async (): Promise<void> => {
    if (isBack) return;
    isBack = true;
    await storage.restore();
    await compute.restore();
  };
  t.teardown(restore);
  return { touched: () => storage.touched() || compute.touched(), restore };
};
