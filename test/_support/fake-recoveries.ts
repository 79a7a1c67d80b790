/** What the fake engine says of repairs: one plan that somebody moved by hand. */

import type { Replay } from '../../daemon/core/replay.ts';
import type { Inspection } from '../../daemon/runner/service.ts';
import { FakeInjections, lostReply } from './fake-injections.ts';

const sites = { protectedSiteId: 'east', recoverySiteId: 'west' };

export const inspection: Inspection = {
  planId: 'erp',
  believed: { ...sites, state: 'ready' },
  found: { ...sites, state: 'failed-over' },
  differences: [
    { objectId: 'array-east/cg-1', about: 'role', believed: 'read-write', found: 'read-only' },
  ],
  unclear: [],
  digest: 'a1b2',
};

/** Nothing moves, and nobody has copies. */
export class FakeMoves {
  readonly startStorageMigration = async () => ({ runId: 'run-1', existing: false, warnings: [] });
  readonly injections = new FakeInjections();
  readonly replayRun = async (): Promise<Replay> => ({ rules: [lostReply], notes: ['a note'] });
  readonly listRecoveries = async () => [];
  readonly lossWarnings = async (siteId: string, asks: boolean) => [
    { field: 'siteId', message: `${siteId} ${asks ? 'answers' : 'answered'}` },
  ];
  readonly migrations = async () => [];
  readonly listMembers = async () => [];
  readonly drainMember = async () => {};
  readonly resolveInstances = async () => [];
  readonly listSnapshots = async () => [{ id: 'cg-1', value: [{ name: 'kept', atMs: 1_000 }] }];
}
