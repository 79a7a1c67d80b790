/**
 * The daemon dies after entry 1, 2, 3 … of a storage migration of a VM that writes, and is started
 * again: the migration ends as without, in one boot and with every heartbeat.
 */
import {
  countHeartbeats,
  readAcknowledged,
  readHeartbeats,
  runningVms,
  stopVms,
} from '@siteswap/plugin-files/inspect';
import test, { type ExecutionContext } from 'ava';
import { CallError, RunResult } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { Lane } from '../_support/lane.ts';

const patienceMs = 20 * 60_000;
const entriesMax = 60;

const sizeBytes = 256 * 1024;
const groups = [
  { id: 'g1', devices: [{ id: 'd1', peerId: 'r1', sizeBytes }], vms: ['vm1'] },
  { id: 'g2', devices: [{ id: 'd2', peerId: 'r2', sizeBytes, room: 1 }] },
];
const plan = {
  id: 'move',
  protectedSiteId: 'site-a',
  recoverySiteId: 'site-b',
  protectionGroups: [{ id: 'pg', groups: groups.map(({ id }) => ({ arrayId: 'a', id })) }],
};
const order = {
  computeId: 'ca',
  moves: [{ vmId: 'vm1', toDatastoreId: 'ds-d2' }],
  requester: 'ann',
  requestKey: 'once',
};

const tryToStart = async (daemon: TestDaemon): Promise<string | undefined> => {
  try {
    return (await daemon.client.migrations.migrateStorage(order)).runId;
  } catch (error) {
    if (error instanceof CallError && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
};

/** Until the daemon has died (true), or the run has ended. */
const untilDead = async (daemon: TestDaemon): Promise<boolean> => {
  const runId = await tryToStart(daemon);
  const over = runId === undefined ? new Promise<never>(() => {}) : daemon.client.waitForRun(runId);
  const how = await Promise.race([
    daemon.ended(),
    over.then(
      () => undefined,
      () => daemon.ended(),
    ),
  ]);
  if (how !== undefined && !how.includes('SIGKILL')) throw new Error(how);
  return how !== undefined;
};

const again = (daemon: TestDaemon) => daemon.restart({}, { SITESWAP_TEST_EXIT_AFTER_ENTRIES: '0' });

const crashAtEach = async (
  t: ExecutionContext,
  tryOnce: (lane: Lane, daemon: TestDaemon, entries: number) => Promise<void>,
): Promise<void> => {
  t.timeout(patienceMs);
  const lane = await Lane.open(t, {}, plan, groups);
  let died = 0;
  for (let entries = 1; entries < entriesMax; entries++) {
    const daemon = await lane.begin(entries);
    try {
      if (!(await untilDead(daemon))) break;
      await tryOnce(lane, daemon, entries);
      died++;
    } finally {
      await daemon.stop();
      await lane.end();
    }
  }
  t.log(`${died} crashes`);
  t.true(died >= 12);
  t.true(died < entriesMax - 1);
};

test.serial('crash: after each entry of a storage migration → it ends as without', async (t) => {
  await crashAtEach(t, async (lane, daemon, entries) => {
    const after = `after ${entries} entries`;
    await again(daemon);
    const { runId } = await daemon.client.migrations.migrateStorage(order);
    const run = await daemon.client.waitForRun(runId);
    t.is(run.result, RunResult.SUCCEEDED, `${after}: ${run.attention}`);
    const [found] = await daemon.client.migrations.resolveInstances({
      computeId: 'ca',
      vmIds: ['vm1'],
    });
    t.deepEqual(
      found?.copies.map(({ datastoreId, record }) => [datastoreId, record?.state]),
      [['ds-d2', 'completed']],
      after,
    );
    const { compute, directory } = lane.sites;
    t.is((await runningVms(compute.a)).length, 1, after);
    await stopVms(compute.a);
    const boots = readAcknowledged([compute.a], 'vm1');
    t.is(boots.length, 1, after);
    const held = await readHeartbeats({ directory: directory.a, groupId: 'g2' }, 'vm1');
    t.like(countHeartbeats(held), { missing: 0, doubleWriters: 0 }, after);
    t.true((held.at(-1)?.sequence ?? 0) >= (boots.at(-1)?.last ?? 0), after);
  });
});
