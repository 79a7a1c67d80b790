/** A directory of its own for each test, gone when the test has ended. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export const tempDir = async (t: ExecutionContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'siteswap-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
};
