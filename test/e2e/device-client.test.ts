/**
 * A client that knows nothing of plans fails a site over and back: over lab and files, as they are
 * and with their pairs shown as stretched devices. The same client each time, and no word to it.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checksumOfDevice, stopVms, writeAs } from '@siteswap/plugin-files/inspect';
import type { GroupSpec } from '@siteswap/plugin-files/provision';
import test from 'ava';
import { CallError, Direction } from '../../sdk/client/index.ts';
import { failure } from '../_support/api.ts';
import { countVms, filesConfig, groups, startOnFiles } from '../_support/daemon.ts';
import { startOnLab } from '../_support/daemon-on-lab.ts';
import { DeviceClient } from '../_support/device-client.ts';

/** Path → bytes, of everything below. */
const filesUnder = async (directory: string): Promise<Record<string, string>> => {
  const found: Record<string, string> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      found[path] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
  }
  return found;
};

const ways = [undefined, 'pair-as-stretched'] as const;

for (const present of ways) {
  const shown = present ?? 'as they are';

  test.serial(
    `device client, lab, pairs ${shown}: over and back, each write arrives`,
    async (t) => {
      const world = { groups: 2, devicesPerGroup: 2, lonePairs: 1, vmsPerGroup: 0 };
      const made = await startOnLab({ world, ...(present && { present }) });
      t.teardown(made.close);
      const client = new DeviceClient(made.daemon.client);
      const { lab } = made;
      for (const [from, to] of [
        ['a', 'b'],
        ['b', 'a'],
      ] as const) {
        const device = `lun-${from}-0002-1`;
        t.is(await lab.write(`lab-${from}`, device), 'written');
        await client.over({ from: `lab-${from}`, to: `lab-${to}` });
        const { files } = await lab.contents(`lab-${from}`, device);
        t.deepEqual(files, (await lab.contents(`lab-${to}`, `lun-${to}-0002-1`)).files);
        t.deepEqual((await client.found(`lab-${to}`, [Direction.OUTGOING])).length, 3);
      }
      t.deepEqual(await lab.verify(), []);
    },
  );

  test.serial(`device client, files, pairs ${shown}: over and back, checksums equal`, async (t) => {
    const on = await startOnFiles(t, {}, groups, (sites) => {
      const [first, ...others] = filesConfig(sites).arrays;
      const as = present && { present, peer: 'b' };
      return { arrays: first === undefined ? others : [{ ...first, ...as }, ...others] };
    });
    await stopVms(on.sites.compute.a);
    const client = new DeviceClient(on.daemon.client);
    const { directory } = on.sites;
    const active = await filesUnder(directory.a);
    await client.test('b');
    t.deepEqual(await filesUnder(directory.a), active, 'a test touches the passive side alone');
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const nameAt = (side: 'a' | 'b', n: number) => `${side === 'a' ? 'd' : 'r'}${n}`;
      t.is(await writeAs(directory[from], nameAt(from, 1)), 'written');
      await client.over({ from, to });
      for (const n of [1, 2]) {
        const sum = (side: 'a' | 'b') =>
          checksumOfDevice({ directory: directory[side], groupId: `g${n}` }, nameAt(side, n));
        t.is(await sum(from), await sum(to), `g${n} after ${from} to ${to}`);
      }
    }
  });
}

test.serial(
  'device client, lab, shared shown as its own peer: over and back by preference, a test beside',
  async (t) => {
    const made = await startOnLab({
      world: { groups: 0, shared: 1, vmsPerGroup: 0 },
      present: 'shared-as-stretched',
    });
    t.teardown(made.close);
    const { daemon, lab } = made;
    const client = new DeviceClient(daemon.client);
    for (const [from, to, siteId] of [
      ['lab-a', 'lab-b', 'site-b'],
      ['lab-b', 'lab-a', 'site-a'],
    ] as const) {
      await client.overStretched({ from, to });
      for (const arrayId of ['lab-a', 'lab-b']) {
        t.deepEqual(await client.preferred(arrayId), { 'cg-0001': siteId }, arrayId);
      }
    }
    t.is((await lab.effects('testFailoverStart')).length, 2, 'real copies');
    const asked = { arrayId: 'lab-b', targets: [{ id: 'cg-0001' }], requester: 'rm' };
    const { replication } = daemon.client;
    const [refused] = (await replication.failover(asked)).results;
    const outcome = refused?.outcome;
    t.is(outcome?.$case, 'fault');
    t.is(outcome?.$case === 'fault' ? outcome.value.code : '', 'STRETCHED');
    const nowhere = replication.setSitePreference({ ...asked, siteId: 'site-c' });
    t.is((await failure(t, nowhere, CallError)).reason, 'INVALID_REQUEST');
    t.deepEqual(await lab.verify(), []);
  },
);

test.serial(
  'device client, files, stretched: over and back by preference, one lineage, a writer all along',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'siteswap-shared-'));
    const [first, plain] = groups as [GroupSpec, GroupSpec];
    const stretched = { ...first, stretched: { directory: join(folder, 'g1') } };
    const on = await startOnFiles(t, {}, [stretched, plain]);
    t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const client = new DeviceClient(on.daemon.client);
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await client.overStretched({ from, to });
      for (const arrayId of ['a', 'b']) {
        t.deepEqual(await client.preferred(arrayId), { g1: `site-${to}` }, arrayId);
      }
    }
    for (const { vmId, lost, doubleWriters } of await countVms(on.sites, 'a', [stretched])) {
      t.deepEqual({ lost, doubleWriters }, { lost: 0, doubleWriters: 0 }, vmId);
    }
  },
);
