/** Small and read-only file systems, as tests of full and broken disks need them; root only. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';

const run = promisify(execFile);

/** Mounting needs root; the journal's own tests prove the same claims for everybody. */
export const mayMount = process.getuid?.() === 0;

/** Mounts an empty file system in memory on `path`, until the test ends. */
export const mountMemory = async (
  t: ExecutionContext,
  path: string,
  options: string,
): Promise<void> => {
  await mkdir(path, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', options, 'siteswap-test', path]);
  t.teardown(() => run('umount', ['--lazy', path]));
};
