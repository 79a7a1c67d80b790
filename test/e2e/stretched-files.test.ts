/**
 * A plan over a stretched device and a plain one, with real bytes and real processes: what stands
 * on the stretched one goes over live and home again in one boot, what stands on the plain one
 * stops. The order is told by the journal, and what was lost is counted from the disks.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  countHeartbeats,
  countLoss,
  readAcknowledged,
  readHeartbeats,
} from '@siteswap/plugin-files/inspect';
import type { GroupSpec } from '@siteswap/plugin-files/provision';
import test, { type ExecutionContext } from 'ava';
import { Mode, type RunEvent, RunEventType, RunResult } from '../../sdk/client/index.ts';
import type { DaemonConfig } from '../../sdk/testing/index.ts';
import { type FilesDaemon, groups, placesOf, planOver, startOnFiles } from '../_support/daemon.ts';

const [g1, g2] = groups as [GroupSpec, GroupSpec];
const [live, plain] = [g1, g2].map(({ vms }) => vms as readonly string[]) as [string[], string[]];

/** `g1` is stretched, with vm1 and vm2; `g2`, with vm3 and vm4, is plain, or stretched too. */
const startStretched = async (
  t: ExecutionContext,
  more: Partial<DaemonConfig> = {},
  both = false,
): Promise<FilesDaemon> => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-shared-'));
  const stretched = (group: GroupSpec) => ({
    ...group,
    stretched: { directory: join(folder, group.id) },
  });
  const on = await startOnFiles(t, more, [stretched(g1), both ? stretched(g2) : g2]);
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const plan = { ...planOver('mixed'), options: { liveMigration: true } };
  await on.daemon.client.plans.create(plan);
  return on;
};

const run = async (t: ExecutionContext, { daemon }: FilesDaemon, mode: Mode) => {
  const { client } = daemon;
  const { runId } = await client.runs.start({ planId: 'mixed', mode, requester: 'ann' });
  const events: RunEvent[] = [];
  for await (const event of client.runs.watch(runId)) events.push(event);
  const { result, attention, notes } = await client.waitForRun(runId);
  t.is(result, RunResult.SUCCEEDED, `${mode}: ${attention} ${JSON.stringify(notes)}`);
  return events;
};

const at = (events: readonly RunEvent[], step: string, type: RunEventType): number =>
  events.findIndex((event) => event.step === step && event.type === type);

const preferredOf = async ({ daemon }: FilesDaemon): Promise<string> => {
  const found = new Set<string>();
  for await (const { devices } of daemon.client.inventory.discoverDevices()) {
    for (const device of devices)
      if (device.preferredSiteId !== '') found.add(device.preferredSiteId);
  }
  return [...found].join(' and ');
};

/** Of every VM: boots so far, and whatever was lost, doubled or left out. */
const count = async ({ sites }: FilesDaemon, side: 'a' | 'b') => {
  const found: Record<string, unknown> = {};
  for (const { id: groupId, vms = [] } of [g1, g2]) {
    for (const vmId of vms as readonly string[]) {
      const acknowledged = readAcknowledged([sites.compute.a, sites.compute.b], vmId);
      const { boots, lost, duplicates } = countLoss(acknowledged);
      const beats = await readHeartbeats({ directory: sites.directory[side], groupId }, vmId);
      const { missing } = countHeartbeats(beats);
      found[vmId] = { boots, lost, duplicates, missing };
    }
  }
  return found;
};

const sound = (boots: number) => ({ boots, lost: 0, duplicates: 0, missing: 0 });

const expected = (plainBoots: number) =>
  Object.fromEntries([
    ...live.map((vmId) => [vmId, sound(1)]),
    ...plain.map((vmId) => [vmId, sound(plainBoots)]),
  ]);

/** Planned, then protected again: everything stands at `side` afterwards. */
const goOver = async (t: ExecutionContext, on: FilesDaemon, side: 'a' | 'b', boots: number) => {
  const events = await run(t, on, Mode.PLANNED);
  const switched = at(events, 'switch-site-preference', RunEventType.TASK_OUTCOME);
  const migrating = at(events, 'live-migrate', RunEventType.TASK_STARTED);
  t.true(switched >= 0 && switched < migrating, `${switched} before ${migrating}`);
  const stopped = events.filter(({ step }) => step === 'shut-down');
  t.is(new Set(stopped.map(({ workgroupId }) => workgroupId)).size, 1, 'the control stops');
  t.is(await preferredOf(on), `site-${side}`);
  const other = side === 'a' ? 'b' : 'a';
  t.deepEqual((await placesOf(on.sites, side)).running, [...live, ...plain].sort());
  t.deepEqual((await placesOf(on.sites, other)).running, []);
  await run(t, on, Mode.REPROTECT);
  t.deepEqual(await count(on, side), expected(boots));
};

test.serial(
  'mixed plan: over and home, live in one boot, and the plain control boots anew',
  async (t) => {
    const on = await startStretched(t);
    t.is(await preferredOf(on), 'site-a');
    await goOver(t, on, 'b', 2);
    await goOver(t, on, 'a', 3);
    const { plan, state } = await on.daemon.client.plans.get('mixed');
    t.deepEqual([plan?.protectedSiteId, state], ['site-a', 'PLAN_STATE_READY']);
  },
);

test.serial(
  'preference refused on one device of two: its VMs stay as they are, the other goes over live',
  async (t) => {
    const refuse = { kind: 'refused', message: 'no, said for a test' };
    const rule = {
      verb: 'setSitePreference',
      targets: ['g1'],
      effect: { effect: 'error', fault: refuse },
    };
    const on = await startStretched(t, { injections: [{ name: 'g1 refuses', ...rule }] }, true);
    const { client } = on.daemon;
    const wanted = { planId: 'mixed', mode: Mode.PLANNED, requester: 'ann' };
    const { runId } = await client.runs.start(wanted);
    const events: RunEvent[] = [];
    for await (const event of client.runs.watch(runId)) {
      events.push(event);
      if (event.type === RunEventType.RUN_PARKED) break;
    }
    const migrating = events.filter(({ step, type }) => {
      return step === 'live-migrate' && type === RunEventType.TASK_STARTED;
    });
    t.is(migrating.length, 1, 'for the other device alone');
    t.deepEqual((await placesOf(on.sites, 'a')).running, live);
    t.deepEqual((await placesOf(on.sites, 'b')).running, plain);
    for (const [group, vmIds] of [
      [g1, live],
      [g2, plain],
    ] as const) {
      for (const vmId of vmIds) {
        const acknowledged = readAcknowledged([on.sites.compute.a, on.sites.compute.b], vmId);
        t.like(countLoss(acknowledged), { boots: 1, lost: 0, duplicates: 0 }, vmId);
        const at = { directory: on.sites.directory.a, groupId: group.id };
        t.is(countHeartbeats(await readHeartbeats(at, vmId)).doubleWriters, 0, vmId);
      }
    }
  },
);
