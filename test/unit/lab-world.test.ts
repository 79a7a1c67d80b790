/** The lab's worlds: made of seeds, equal wherever they are made, cheap by count. */

import type { Device, Page, Vm } from '@siteswap/sdk/plugin';
import test from 'ava';
import { buildWorld } from '../../plugins/lab/build.ts';
import { drawer } from '../../plugins/lab/chance.ts';
import { ask, newLab } from '../../plugins/lab/lab.ts';
import { labSpec, protectionGroupOf } from '../../plugins/lab/spec.ts';
import { snapshotOf } from '../../plugins/lab/views.ts';
import { group, makeLab, said, type TestLab, vm } from '../_support/lab.ts';

const listAll = <I>(lab: TestLab, remoteId: string, verb: 'listVms' | 'discoverDevices') => {
  const items: I[] = [];
  let token: string | undefined;
  let pages = 0;
  do {
    const page = { sizeMax: 1_000, ...(token === undefined ? {} : { token }) };
    const answer = lab.port.send({ kind: 'list', remoteId, verb, page }) as Page<I>;
    items.push(...answer.items);
    token = answer.next;
    pages += 1;
  } while (token !== undefined);
  return { items, pages };
};

test('one spec makes one world: two builds are equal, another seed names other boots', (t) => {
  const options = { groups: 3, devicesPerGroup: 2, vmsPerGroup: 4, lonePairs: 1, singles: 1 };
  const [one, other] = [buildWorld(labSpec(options), 5), buildWorld(labSpec(options), 5)];
  t.deepEqual(snapshotOf(one), snapshotOf(other));
  const bootIn = (seed: number) =>
    buildWorld(labSpec({ ...options, seed }), 5).computes.get('lab-compute-a')?.vmOrder[0]?.boot
      ?.id;
  t.is(bootIn(1), bootIn(1));
  t.not(bootIn(1), bootIn(2));
});

test('10,000 VMs and 100,000 devices are listed whole and without repeats', (t) => {
  const many = makeLab({ groups: 100, vmsPerGroup: 100 });
  const vms = listAll<Vm>(many, 'lab-compute-a', 'listVms');
  t.is(new Set(vms.items.map(({ id }) => id)).size, 10_000);
  const large = makeLab({ groups: 100, devicesPerGroup: 1_000, vmsPerGroup: 0 });
  const devices = listAll<Device>(large, 'lab-b', 'discoverDevices');
  t.is(new Set(devices.items.map(({ id }) => id)).size, 100_000);
  t.is(devices.pages, 100);
});

test('a listing names peers, groups and datastores that a plan can be frozen from', (t) => {
  const lab = makeLab({ groups: 1, devicesPerGroup: 1, lonePairs: 1, singles: 1 });
  const { items } = listAll<Device>(lab, 'lab-a', 'discoverDevices');
  t.deepEqual(
    items.map(({ id, groupId, peer, direction }) => [id, groupId, peer?.deviceId, direction]),
    [
      ['lun-a-0001-1', 'cg-0001', 'lun-b-0001-1', 'outgoing'],
      ['lun-a-0002-1', undefined, 'lun-b-0002-1', 'outgoing'],
      ['lun-a-single-0001', undefined, undefined, 'none'],
    ],
  );
  t.deepEqual(protectionGroupOf(lab.lab.world.spec, 'all'), {
    id: 'all',
    groups: [
      { arrayId: 'lab-a', id: 'cg-0001' },
      { arrayId: 'lab-a', id: 'lun-a-0002-1' },
    ],
    vms: [
      { id: 'vm-00001', priority: 3 },
      { id: 'vm-00002', priority: 3 },
    ],
  });
});

test('drawn faults hit the same targets whatever the batches and their order', async (t) => {
  const vms = Array.from({ length: 200 }, (_, at) => vm(at + 1));
  const hitBy = async (batches: readonly (typeof vms)[]): Promise<readonly string[]> => {
    const rule = { verb: 'powerOff', rate: 0.1, kind: 'refused', seed: 7 } as const;
    const lab = makeLab({ vmsPerGroup: 200, faults: [rule] });
    const hit: string[] = [];
    for (const batch of batches) {
      const answers = await lab.verb('lab-compute-a', 'powerOff', batch);
      hit.push(...answers.filter((answer) => 'fault' in answer).map(({ id }) => id));
    }
    return hit.sort();
  };
  const whole = await hitBy([vms]);
  t.true(whole.length > 5 && whole.length < 40, `${whole.length} of 200 at a rate of 0.1`);
  t.deepEqual(await hitBy(vms.map((one) => [one]).reverse()), whole);
});

test('a draw depends on seed, verb, target and ordinal, and on nothing else', (t) => {
  t.is(drawer(1, 'sync')('x', 1), drawer(1, 'sync')('x', 1));
  const others = [drawer(2, 'sync')('x', 1), drawer(1, 'mount')('x', 1), drawer(1, 'sync')('x', 2)];
  for (const other of others) t.not(other, drawer(1, 'sync')('x', 1));
});

test('without a latency no call waits: the answer is there without a timer', (t) => {
  const slept: number[] = [];
  const time = { now: () => 0, sleep: async () => void slept.push(1) };
  const lab = newLab(labSpec({ vmsPerGroup: 100 }), time);
  const targets = Array.from({ length: 100 }, (_, at) => vm(at + 1));
  const more = { key: 'k', epoch: 1, targets, args: {} };
  const answers = ask(lab, { kind: 'verb', remoteId: 'lab-compute-a', verb: 'vmStatus', ...more });
  t.true(Array.isArray(answers) && answers.length === 100);
  t.deepEqual(slept, []);
});

test('with a latency each call makes one timer, of a length that the seed gives', async (t) => {
  const lengths = async (): Promise<readonly number[]> => {
    const slept: number[] = [];
    const time = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const lab = newLab(labSpec({ groups: 2, latencies: [{ ms: 5, jitterMs: 10, seed: 3 }] }), time);
    for (const verb of ['deviceStatus', 'sync', 'sync'] as const) {
      const more = { key: `k/${slept.length}`, epoch: 1, targets: [group(1), group(2)], args: {} };
      await ask(lab, { kind: 'verb', remoteId: 'lab-a', verb, ...more });
    }
    return slept;
  };
  const first = await lengths();
  t.is(first.length, 3);
  t.true(first.every((ms) => ms >= 5 && ms < 15));
  t.is(new Set(first).size, 3);
  t.deepEqual(await lengths(), first);
});

test('recovery points, keys and operations of a long life stay bounded', async (t) => {
  const lab = makeLab();
  for (let n = 0; n < 50; n++) {
    await lab.time.advance(10);
    t.deepEqual(said(await lab.verb('lab-a', 'sync', [group()])), ['ok']);
  }
  const { points } = lab.lab.world.storages.get('lab-b')?.order[0] ?? { points: [] };
  t.is(points.length, 16);
});
