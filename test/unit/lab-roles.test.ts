/** The lab's role rules: what a passive device refuses, and who may become the writer. */

import type { ValueAnswer, VmStatus } from '@siteswap/sdk/plugin';
import test from 'ava';
import {
  datastore,
  device,
  failOver,
  group,
  makeLab,
  said,
  startMs,
  statusAt,
  type TestLab,
  valueIn,
  vm,
  vmAt,
} from '../_support/lab.ts';

const stopAndDemote = async ({ verb }: TestLab): Promise<void> => {
  await verb('lab-compute-a', 'powerOff', [vm()]);
  await verb('lab-a', 'prepareFailover', [group()]);
};

test('a new world replicates from the first site and breaks no invariant', async (t) => {
  const lab = makeLab();
  const [source, target] = [await statusAt(lab, 'a'), await statusAt(lab, 'b')];
  t.like(source, { direction: 'outgoing', access: 'read-write', pairState: 'synchronized' });
  t.like(target, { direction: 'incoming', access: 'read-only', pairState: 'synchronized' });
  t.deepEqual(await lab.control.verify(), []);
});

test('planned failover: every heartbeat of the source is there at the target', async (t) => {
  const lab = makeLab();
  await lab.time.advance(12_345);
  await failOver(lab);
  const before = await lab.control.contents('lab-a', device('a'));
  const after = await vmAt(lab, 'b');
  t.is(before.heartbeats['vm-00001'], 123);
  t.is(after.resumedAt, 123);
  t.is((await statusAt(lab, 'a')).lineage, (await statusAt(lab, 'b')).lineage);
  t.deepEqual(await lab.control.verify(), []);
});

test('planned failover, reversed, fails back: roles as at the beginning', async (t) => {
  const lab = makeLab();
  const before = await lab.control.snapshot();
  await failOver(lab);
  t.deepEqual(said(await lab.verb('lab-b', 'reverse', [group()])), ['ok']);
  t.like(await statusAt(lab, 'a'), { direction: 'incoming', pairState: 'synchronized' });
  await failOver(lab, 'b');
  t.deepEqual(said(await lab.verb('lab-a', 'reverse', [group()])), ['ok']);
  t.deepEqual((await lab.control.snapshot()).devices, before.devices);
  t.deepEqual(await lab.control.verify(), []);
});

test('a passive device refuses mounts, writers and demotion', async (t) => {
  const { verb } = makeLab();
  t.deepEqual(said(await verb('lab-compute-b', 'mount', [datastore()])), [
    'conflict PASSIVE_DEVICE',
  ]);
  t.deepEqual(said(await verb('lab-compute-b', 'register', [vm()])), [
    'conflict DATASTORE_NOT_MOUNTED',
  ]);
  t.deepEqual(said(await verb('lab-compute-b', 'powerOn', [vm()])), ['missing NOT_REGISTERED']);
  t.deepEqual(said(await verb('lab-b', 'prepareFailover', [group()])), ['conflict WRONG_ROLE']);
});

test('demotion: refused with a live writer, else done, and repeated without effect', async (t) => {
  const { verb, control } = makeLab();
  t.deepEqual(said(await verb('lab-a', 'prepareFailover', [group()])), ['conflict LIVE_WRITERS']);
  await verb('lab-compute-a', 'shutDown', [vm()]);
  t.deepEqual(said(await verb('lab-a', 'prepareFailover', [group()])), ['ok']);
  t.deepEqual(said(await verb('lab-a', 'prepareFailover', [group()])), ['ok']);
  const effects = await control.effects('prepareFailover');
  t.deepEqual(
    effects.map(({ times }) => times),
    [1],
  );
});

test('promotion without force needs a demoted peer and its last writes', async (t) => {
  const lab = makeLab({ mode: 'asynchronous', lagMs: 5_000 });
  const promote = async () =>
    said(await lab.verb('lab-b', 'failover', [group()], { args: { force: false } }));
  await lab.time.advance(60_000);
  t.deepEqual(await promote(), ['conflict PEER_NOT_DEMOTED']);
  await stopAndDemote(lab);
  t.deepEqual(await promote(), ['conflict NOT_SYNCED']);
  await lab.verb('lab-a', 'sync', [group()]);
  t.deepEqual(await promote(), ['ok']);
});

test('promotion without force is refused while the peer does not answer', async (t) => {
  const lab = makeLab();
  await stopAndDemote(lab);
  await lab.control.setDown('lab-a', true);
  const answers = await lab.verb('lab-b', 'failover', [group()], { args: { force: false } });
  t.deepEqual(said(answers), ['refused PEER_DOWN']);
});

test('forced promotion: new lineage, loss bounded by the lag, no call to lost sites', async (t) => {
  const lab = makeLab({ mode: 'asynchronous', lagMs: 2_000 });
  await lab.time.advance(10_000);
  await lab.control.loseSite('site-a');
  const before = await statusAt(lab, 'b');
  const [answer] = await lab.verb('lab-b', 'failover', [group()], { args: { force: true } });
  t.like(answer, { ok: true });
  t.not((await statusAt(lab, 'b')).lineage, before.lineage);
  await lab.verb('lab-compute-b', 'mount', [datastore()]);
  await lab.verb('lab-compute-b', 'register', [vm()]);
  await lab.verb('lab-compute-b', 'powerOn', [vm()]);
  t.is((await vmAt(lab, 'b')).resumedAt, 80);
  t.is((await lab.control.calls('lab-a')).total, 0);
  t.deepEqual(await lab.control.verify(), []);
});

test('an old writer that was only out of sight is a divergence until it is fenced', async (t) => {
  const lab = makeLab();
  await lab.control.loseSite('site-a', { vms: 'keep' });
  await lab.verb('lab-b', 'failover', [group()], { args: { force: true } });
  for (const verb of ['mount', 'register', 'powerOn'] as const) {
    await lab.verb('lab-compute-b', verb, [verb === 'mount' ? datastore() : vm()]);
  }
  await lab.time.advance(1_000);
  const [split] = await lab.control.divergences();
  t.deepEqual(split?.written, ['lab-a', 'lab-b']);
  t.deepEqual(await lab.control.verify(), [], 'two lineages are not two writers of one');
  await lab.control.returnSite('site-a');
  t.is((await statusAt(lab, 'a')).pairState, 'split');
  t.deepEqual(said(await lab.verb('lab-b', 'reverse', [group()])), ['conflict LIVE_WRITERS']);
  t.like((await lab.verb('lab-a', 'fence', [group()]))[0], { evidence: { writersCut: 1 } });
  const cutAt = (await vmAt(lab, 'a')).heartbeat;
  await lab.time.advance(5_000);
  t.is((await vmAt(lab, 'a')).heartbeat, cutAt);
  await lab.verb('lab-compute-a', 'powerOff', [vm()]);
  t.deepEqual(said(await lab.verb('lab-compute-a', 'powerOn', [vm()])), ['fenced OLD_LINEAGE']);
  t.deepEqual(said(await lab.verb('lab-b', 'reverse', [group()])), ['ok']);
  t.deepEqual(await lab.control.divergences(), []);
});

test('undo of a planned failover restores the roles, but not past the first write', async (t) => {
  const lab = makeLab();
  const before = await lab.control.snapshot();
  const restore = async (side: 'a' | 'b', to: string) =>
    said(
      await lab.verb(`lab-${side}`, 'restoreReplication', [group()], {
        args: { to: { [device(side)]: to } },
      }),
    );
  await stopAndDemote(lab);
  await lab.verb('lab-b', 'failover', [group()], { args: { force: false } });
  t.deepEqual(await restore('a', 'outgoing'), ['conflict PEER_PROMOTED']);
  t.deepEqual(await restore('b', 'incoming'), ['ok']);
  t.deepEqual(await restore('a', 'outgoing'), ['ok']);
  t.deepEqual((await lab.control.snapshot()).devices, before.devices);
  await lab.verb('lab-a', 'prepareFailover', [group()]);
  await lab.verb('lab-b', 'failover', [group()], { args: { force: false } });
  await lab.time.advance(1);
  t.is(await lab.control.write('lab-b', device('b')), 'written');
  t.deepEqual(await restore('b', 'incoming'), ['conflict WRITTEN_SINCE']);
});

test('a consistency group changes whole: a part, or one bad member, changes nothing', async (t) => {
  const lab = makeLab({ devicesPerGroup: 3, vmsPerGroup: 3 });
  const part = { id: 'cg-0001', devices: [device('a'), device('a', 1, 2)] };
  t.deepEqual(said(await lab.verb('lab-a', 'prepareFailover', [part])), ['conflict PARTIAL_GROUP']);
  await lab.verb('lab-compute-a', 'powerOff', [vm(1), vm(2)]);
  const [answer] = await lab.verb('lab-a', 'prepareFailover', [group()]);
  t.like(answer, { fault: { code: 'LIVE_WRITERS', members: [device('a', 1, 3)] } });
  const { devices } = await lab.control.snapshot();
  const roles = Object.values(devices['lab-a'] ?? {}).map(({ role }) => role);
  t.deepEqual(roles, ['source', 'source', 'source']);
});

test('a test copy is written to while the replica goes on receiving', async (t) => {
  const lab = makeLab();
  await lab.time.advance(1_000);
  await lab.verb('lab-b', 'testFailoverStart', [group()]);
  for (const verb of ['mount', 'register', 'powerOn'] as const) {
    const target = verb === 'mount' ? datastore(1, 'test') : vm(1, 'test');
    t.deepEqual(said(await lab.verb('lab-compute-b', verb, [target])), ['ok']);
  }
  await lab.time.advance(1_000);
  const copied = await lab.verb<ValueAnswer<VmStatus>>('lab-compute-b', 'vmStatus', [
    vm(1, 'test'),
  ]);
  t.like(valueIn(copied), { resumedAt: 10, heartbeat: 20 });
  t.is((await lab.control.contents('lab-b', device('b'))).heartbeats['vm-00001'], 20);
  t.deepEqual(said(await lab.verb('lab-b', 'testFailoverStop', [group()])), [
    'conflict TEST_COPY_IN_USE',
  ]);
  await lab.verb('lab-compute-b', 'powerOff', [vm(1, 'test')]);
  await lab.verb('lab-compute-b', 'unregister', [vm(1, 'test')]);
  await lab.verb('lab-compute-b', 'unmount', [datastore(1, 'test')]);
  t.deepEqual(said(await lab.verb('lab-b', 'testFailoverStop', [group()])), ['ok']);
  t.deepEqual(await lab.control.verify(), []);
});

test('suspended replication stands still, and goes on when it is resumed', async (t) => {
  const lab = makeLab();
  await lab.verb('lab-a', 'suspendReplication', [group()]);
  await lab.time.advance(1_000);
  t.is((await statusAt(lab, 'b')).pairState, 'suspended');
  t.is((await lab.control.contents('lab-b', device('b'))).heartbeats['vm-00001'], 0);
  t.deepEqual(said(await lab.verb('lab-a', 'sync', [group()])), ['conflict SUSPENDED']);
  await lab.verb('lab-a', 'resumeReplication', [group()]);
  t.is((await lab.control.contents('lab-b', device('b'))).heartbeats['vm-00001'], 10);
});

test('resync: the called side stays current; what the other held is kept or goes', async (t) => {
  for (const changes of ['keep', 'discard'] as const) {
    const lab = makeLab({ operationMs: { resync: 1_000 } });
    await lab.control.loseSite('site-a');
    await lab.verb('lab-b', 'failover', [group()], { args: { force: true } });
    await lab.verb('lab-compute-b', 'mount', [datastore()]);
    const file = { id: 'f', datastoreId: datastore().id, path: 'note', content: 'new' };
    await lab.time.advance(1);
    await lab.verb('lab-compute-b', 'writeFile', [file]);
    await lab.control.returnSite('site-a');
    t.is((await statusAt(lab, 'b')).divergedBytes, 3);
    const resync = await lab.verb('lab-a', 'resync', [group()], { args: { changes } });
    t.deepEqual(said(resync), ['accepted']);
    const contents = (id?: string) => lab.control.contents('lab-b', device('b'), id);
    const snapshot = `before-resync@${startMs + 1}`;
    t.deepEqual((await contents(snapshot)).files, { note: 'new' });
    const operation = (await lab.control.operations())[0]?.id ?? '';
    await lab.time.advance(1_000);
    const polled = await lab.poll('lab-a', group().id, operation);
    t.like(polled, { state: 'done', evidence: { snapshot } });
    t.deepEqual((await contents()).files, {});
    if (changes === 'keep') t.deepEqual((await contents(snapshot)).files, { note: 'new' });
    else await t.throwsAsync(contents(snapshot));
    t.is((await statusAt(lab, 'a')).direction, 'outgoing');
    t.deepEqual(await lab.control.divergences(), []);
  }
});

test('a snapshot keeps what the device held, whatever is written after it', async (t) => {
  const lab = makeLab();
  await lab.time.advance(500);
  t.deepEqual(said(await lab.verb('lab-a', 'snapshot', [group()], { args: { name: 's' } })), [
    'ok',
  ]);
  await lab.time.advance(500);
  const kept = await lab.control.contents('lab-a', device('a'), 's');
  t.deepEqual(kept, { atMs: startMs + 500, heartbeats: { 'vm-00001': 5 }, files: {} });
  await t.throwsAsync(lab.control.contents('lab-b', device('b'), 's'));
});

test('a snapshot stays until it is removed, however many recovery points come after it', async (t) => {
  const lab = makeLab();
  const listed = async () => {
    const [answer] = await lab.verb('lab-a', 'listSnapshots', [group()]);
    return answer !== undefined && 'value' in answer ? answer.value : answer;
  };
  const take = (name: string) => lab.verb('lab-a', 'snapshot', [group()], { args: { name } });
  const drop = () => lab.verb('lab-a', 'removeSnapshot', [group()], { args: { name: 's' } });
  await take('s');
  const kept = [{ name: 's', atMs: startMs }];
  t.deepEqual(await listed(), kept);
  for (let nth = 0; nth < 20; nth++) {
    await lab.verb('lab-a', 'sync', [group()], { key: `sync ${nth}` });
    await lab.time.advance(10_000);
  }
  t.deepEqual(await listed(), kept);
  t.deepEqual(said(await drop()), ['ok']);
  t.deepEqual(await listed(), []);
  t.deepEqual(said(await drop()), ['ok']);
  await t.throwsAsync(lab.control.contents('lab-a', device('a'), 's'));
  const names = Array.from({ length: 33 }, (_, nth) => `s${nth}`);
  const taken = [];
  for (const name of names) taken.push(said(await take(name))[0]);
  t.deepEqual([taken[31], taken[32]], ['ok', 'refused FULL_OF_SNAPSHOTS']);
});

test('computes refuse: unregister while on, unmount while used, a deaf guest', async (t) => {
  const { verb, control } = makeLab();
  const at = 'lab-compute-a';
  t.deepEqual(said(await verb(at, 'unregister', [vm()])), ['conflict POWERED_ON']);
  t.deepEqual(said(await verb(at, 'unmount', [datastore()])), ['conflict DATASTORE_IN_USE']);
  await control.ignoreShutDown(['vm-00001']);
  t.deepEqual(said(await verb(at, 'shutDown', [vm()])), ['refused GUEST_IGNORES']);
  t.deepEqual(said(await verb(at, 'powerOff', [vm()])), ['ok']);
  t.deepEqual(said(await verb(at, 'powerOn', [{ ...vm(), id: 'nobody' }])), ['missing UNKNOWN_VM']);
});

test('files are replicated with their datastore and bounded in size and path', async (t) => {
  const lab = makeLab();
  const at = 'lab-compute-a';
  const file = (path: string, content: string) => ({
    id: path,
    datastoreId: datastore().id,
    path,
    content,
  });
  const wrote = await lab.verb(at, 'writeFile', [
    file('vm/record', 'one'),
    file('../out', ''),
    file('large', 'x'.repeat(64 * 1024 + 1)),
  ]);
  t.deepEqual(said(wrote), ['ok', 'refused BAD_PATH', 'refused FILE_TOO_LARGE']);
  await failOver(lab);
  const read = await lab.verb<ValueAnswer<{ content: string }>>('lab-compute-b', 'readFile', [
    file('vm/record', ''),
  ]);
  t.is(valueIn(read).content, 'one');
});

test('a VM that a fence cut off runs again only once it was powered off', async (t) => {
  const lab = makeLab();
  await lab.control.loseSite('site-a', { vms: 'keep' });
  await lab.verb('lab-b', 'failover', [group()], { args: { force: true } });
  await lab.control.returnSite('site-a');
  await lab.verb('lab-a', 'fence', [group()]);
  await lab.verb('lab-b', 'resync', [group()], { args: { changes: 'discard' } });
  await lab.verb('lab-b', 'prepareFailover', [group()]);
  await lab.verb('lab-a', 'failover', [group()], { args: { force: false } });
  const on = () => lab.verb('lab-compute-a', 'powerOn', [vm()]);
  t.deepEqual(said(await on()), ['conflict CUT_OFF']);
  await lab.verb('lab-compute-a', 'powerOff', [vm()]);
  t.deepEqual(said(await on()), ['ok']);
  t.deepEqual(await lab.control.verify(), []);
});
