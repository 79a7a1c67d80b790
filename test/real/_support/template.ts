/**
 * Directories of a fixture that are made once, below one root, and put back as they were before
 * each claim: making them takes longer than most claims.
 */
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fixture } from '../../../sdk/conformance/index.ts';

/** Whoever works in them has ended. Sockets are made anew. */
export const keepTemplate = async (root: string, places: readonly string[]): Promise<void> => {
  for (const place of places) {
    const filter = (path: string): boolean => !path.endsWith('.sock');
    await cp(join(root, place), join(root, 'template', place), { recursive: true, filter });
  }
};

/** `end`: ends whoever works in them. */
export const putBack = (
  root: string,
  places: readonly string[],
  end: () => Promise<void>,
): Required<Pick<Fixture, 'reset' | 'close'>> => {
  const clear = async (): Promise<void> => {
    await end();
    for (const place of places) await rm(join(root, place), { recursive: true });
  };
  return {
    reset: async () => {
      await clear();
      await cp(join(root, 'template'), root, { recursive: true });
    },
    close: async () => {
      await clear();
      await rm(root, { recursive: true });
    },
  };
};

/** Takes the way to a remote away, and gives it back. */
export const reachIn =
  (root: string) =>
  (id: string, broken: boolean): Promise<void> => {
    const way = join(root, id);
    return broken ? rename(way, `${way}-away`) : rename(`${way}-away`, way);
  };
