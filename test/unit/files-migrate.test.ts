/** Live migration of VM processes: one boot, one writer, and nothing that needs the daemon. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTick, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  countHeartbeats,
  countLoss,
  type RunningVm,
  readAcknowledged,
  readHeartbeats,
  runningVms,
  stopVms,
} from '@siteswap/plugin-files/inspect';
import type { Fault, MigrationStatus, VmStatus } from '@siteswap/sdk/plugin';
import test, { type ExecutionContext } from 'ava';
import {
  evidenceOf,
  g1,
  makeSites,
  type Remote,
  type Sites,
  until,
  wordOf,
} from '../_support/files.ts';
import { type StretchedSites, stretchedSites, vm } from '../_support/files-stretched.ts';

const migrate = (from: Remote, toComputeId = 'cb', key?: string) =>
  from.done('migrateLive', vm, { toComputeId }, key === undefined ? undefined : from.context(key));

const statusOf = async (remote: Remote): Promise<MigrationStatus> => {
  const answer = await remote.call('migrationStatus', vm);
  if (!('value' in answer)) throw new Error(JSON.stringify(answer));
  return answer.value;
};

const vmAt = async (remote: Remote): Promise<Partial<VmStatus>> => {
  const answer = await remote.call('vmStatus', vm);
  return 'value' in answer ? answer.value : {};
};

const goesOn = async (remote: Remote): Promise<void> => {
  const before = (await vmAt(remote)).heartbeat ?? 0;
  await until(async () => ((await vmAt(remote)).heartbeat ?? 0) > before + 2);
};

const running = async (t: ExecutionContext): Promise<StretchedSites> => {
  const sites = await stretchedSites(t);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  return sites;
};

/** Once all is still: nothing acknowledged was lost, and no number was written by two. */
const checkBeats = async (t: ExecutionContext, { compute, directory }: Sites): Promise<void> => {
  for (const one of [compute.a, compute.b]) await stopVms(one);
  const acknowledged = readAcknowledged([compute.a, compute.b], 'vm1');
  t.like(countLoss(acknowledged), { lost: 0, duplicates: 0 });
  const beats = await readHeartbeats({ directory: directory.b, groupId: 'g1' }, 'vm1');
  t.is(countHeartbeats(beats).missing, 0);
};

const only = (found: readonly RunningVm[]): RunningVm => {
  const [one, ...more] = found;
  if (one === undefined || more.length > 0) throw new Error(`${found.length} processes`);
  return one;
};

test('a VM goes over: the same boot, no heartbeat lost, the interruption told', async (t) => {
  const sites = await running(t);
  const { computeA, computeB, compute } = sites;
  t.is((await statusOf(computeA)).state, 'none');
  await goesOn(computeA);
  const { bootId } = await vmAt(computeA);
  const moved = await migrate(computeA);
  t.is(wordOf(moved), 'ok', JSON.stringify(moved));
  const { interruptionMs, ...rest } = evidenceOf(moved);
  t.is(rest.bootId, bootId);
  t.true(Number(interruptionMs) > 0);
  t.log(`interrupted for ${interruptionMs} ms`);
  t.like(await vmAt(computeA), { power: 'off', registered: false });
  t.like(await vmAt(computeB), { power: 'on', registered: true, bootId });
  for (const remote of [computeA, computeB]) {
    const ends = { fromComputeId: 'ca', toComputeId: 'cb' };
    t.like(await statusOf(remote), { state: 'completed', ...ends });
  }
  await goesOn(computeB);
  t.deepEqual(evidenceOf(await migrate(computeA)), { bootId, interruptionMs }, 'already there');
  t.is(wordOf(await computeA.done('cancelMigration', vm)), 'conflict', 'too late');
  t.is(wordOf(await migrate(computeB, 'ca')), 'ok', 'and back');
  t.like(await vmAt(computeA), { power: 'on', bootId });
  t.like(await statusOf(computeA), { state: 'completed', toComputeId: 'ca' });
  t.is(wordOf(await computeA.done('shutDown', vm)), 'ok');
  await checkBeats(t, sites);
  t.is(countLoss(readAcknowledged([compute.a, compute.b], 'vm1')).boots, 1);
});

test('a control: a VM on a plain device is refused, and goes on', async (t) => {
  const sites = await makeSites();
  t.teardown(sites.close);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await migrate(sites.computeA)), 'refused');
  await goesOn(sites.computeA);
});

test('refused with nothing begun: off, no such compute, no such VM, one side only', async (t) => {
  const { computeA, computeB, a } = await stretchedSites(t);
  t.is(wordOf(await migrate(computeA)), 'conflict');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await migrate(computeA, 'cc')), 'missing');
  const nobody = { id: 'nobody', instance: 'production' } as const;
  t.is(wordOf(await computeA.done('migrateLive', nobody, { toComputeId: 'cb' })), 'missing');
  t.is(wordOf(await computeB.call('migrationStatus', nobody)), 'missing');
  t.is(wordOf(await a.done('fence', g1.a)), 'ok');
  t.is(wordOf(await migrate(computeA)), 'conflict');
  t.is((await statusOf(computeA)).state, 'none');
});

test('two calls at once: one key is one migration, another key is told busy or done', async (t) => {
  const { computeA, computeB, compute } = await running(t);
  const [first, same, other] = await Promise.all([
    migrate(computeA, 'cb', 'run-1/live-migrate/run/1'),
    migrate(computeA, 'cb', 'run-1/live-migrate/run/1'),
    migrate(computeA, 'cb', 'run-2/live-migrate/run/1'),
  ]);
  const words = [first, same, other].map((answer) => wordOf(answer as object));
  t.true(words.includes('ok'));
  t.true(
    words.every((word) => word === 'ok' || word === 'busy'),
    words.join(),
  );
  t.is((await vmAt(computeB)).power, 'on');
  t.is(only(await runningVms(compute.b)).phase, 'running');
});

test('the caller is killed in mid-call → the VM goes over all the same, and is settled', async (t) => {
  const sites = await running(t);
  const { computeA, computeB, compute, directory } = sites;
  const key = 'run-1/live-migrate/run/1';
  const config = {
    directory: compute.a,
    arrays: { a: directory.a },
    computes: { cb: { directory: compute.b, arrays: { b: directory.b } } },
  };
  const script = fileURLToPath(import.meta.resolve('../_support/files-migrating.js'));
  const daemon = spawn(process.execPath, [script, JSON.stringify(config), key]);
  t.teardown(() => daemon.kill('SIGKILL'));
  await until(async () => (await statusOf(computeA)).state !== 'none');
  daemon.kill('SIGKILL');
  const verdict = async () =>
    (await computeA.settle('migrateLive', vm, computeA.context(key))).verdict;
  t.true(['running', 'done'].includes(await verdict()));
  await until(async () => (await verdict()) === 'done');
  t.is((await vmAt(computeB)).power, 'on');
  t.is(wordOf(await migrate(computeA, 'cb', key)), 'ok', 'remembered by its key');
  await checkBeats(t, sites);
});

test('the process at the target dies before it took over → failed, the VM goes on', async (t) => {
  const sites = await running(t);
  const { computeA, computeB, compute } = sites;
  const key = 'run-1/live-migrate/run/1';
  const moving = migrate(computeA, 'cb', key);
  await until(async () => (await runningVms(compute.b)).length > 0);
  process.kill(only(await runningVms(compute.b)).pid, 'SIGKILL');
  const answer = await moving;
  if (wordOf(answer) === 'ok') return t.pass('it had gone over before');
  t.is(wordOf(answer), 'interrupted');
  t.is((await statusOf(computeA)).state, 'failed');
  t.is((await computeA.settle('migrateLive', vm, computeA.context(key))).verdict, 'absent');
  await goesOn(computeA);
  t.like(await vmAt(computeB), { power: 'off', registered: false });
  t.is(wordOf(await migrate(computeA, 'cb', key)), 'ok', 'the same key can do it later');
  await checkBeats(t, sites);
});

test('the process at the target hangs → it is ended first, then the VM goes on', async (t) => {
  const sites = await running(t);
  const { computeA, computeB, compute } = sites;
  const moving = migrate(computeA);
  await until(async () => (await runningVms(compute.b)).length > 0);
  const { pid } = only(await runningVms(compute.b));
  process.kill(pid, 'SIGSTOP');
  const answer = await moving;
  if (wordOf(answer) === 'ok') process.kill(pid, 'SIGCONT');
  const processes = async () =>
    (await runningVms(compute.a)).length + (await runningVms(compute.b)).length;
  await until(async () => (await processes()) === 1);
  await goesOn(wordOf(answer) === 'ok' ? computeB : computeA);
  await checkBeats(t, sites);
});

test('cancelled on its way → the VM goes on where it was; later it can go', async (t) => {
  const sites = await running(t);
  const { computeA, computeB, compute } = sites;
  t.is(wordOf(await computeA.done('cancelMigration', vm)), 'ok', 'nothing to cancel');
  const moving = migrate(computeA);
  await until(async () => (await statusOf(computeA)).state === 'running');
  const asked = wordOf(await computeA.done('cancelMigration', vm));
  const word = wordOf(await moving);
  if (word === 'ok') {
    await goesOn(computeB);
    await checkBeats(t, sites);
    return t.pass('it had gone over before');
  }
  t.is(asked, 'ok');
  t.is(word, 'interrupted');
  t.is((await statusOf(computeA)).state, 'cancelled');
  await goesOn(computeA);
  await until(async () => (await runningVms(compute.b)).length === 0);
  t.is(wordOf(await migrate(computeA)), 'ok');
  await goesOn(computeB);
  await checkBeats(t, sites);
});

test('powered off on its way → it is on nowhere, and can be powered on again', async (t) => {
  const { computeA, computeB, compute } = await running(t);
  const moving = migrate(computeA);
  await until(async () => (await statusOf(computeA)).state === 'running');
  const off = wordOf(await computeA.done('powerOff', vm));
  const word = wordOf(await moving);
  if (word === 'ok') return t.pass('it had gone over before');
  t.is(off, 'ok');
  t.is(word, 'interrupted');
  const isOn = async (remote: typeof computeA) => (await vmAt(remote)).power === 'on';
  // What was arriving is ended behind the answer.
  await until(async () => !(await isOn(computeA)) && !(await isOn(computeB)));
  await until(async () => (await runningVms(compute.b)).length === 0);
  await until(async () => wordOf(await computeA.done('powerOn', vm)) === 'ok');
});

/** Kills one of the two processes after a while; the other one, or nobody, writes from then on. */
const killOnTheWay = async (
  t: ExecutionContext,
  sites: StretchedSites,
  side: 'a' | 'b',
  afterMs: number,
): Promise<void> => {
  const { computeA, compute } = sites;
  const moving = migrate(computeA);
  await until(async () => (await runningVms(compute.b)).length > 0);
  await sleep(afterMs);
  let killed = 0;
  for (const { pid, phase } of await runningVms(compute[side])) {
    if (side === 'b' && phase !== 'arriving') continue;
    process.kill(pid, 'SIGKILL');
    killed++;
  }
  const word = wordOf(await moving);
  t.true(['ok', 'interrupted'].includes(word), word);
  const at = async () => (await runningVms(compute.a)).concat(await runningVms(compute.b));
  await until(async () => (await at()).every(({ phase }) => phase === 'running'));
  t.true((await at()).length <= 1);
  // It may have arrived between the look and the kill: then it was killed where it runs.
  const arrived = side === 'b' && killed > 0;
  if (word === 'ok') t.true(arrived || (await runningVms(compute.b)).length === 1);
  else if (side === 'b') t.is((await runningVms(compute.a)).length, 1);
  await checkBeats(t, sites);
};

for (const side of ['a', 'b'] as const) {
  test(`the process at ${side} is killed at any moment → one writer at most, none lost`, async (t) => {
    const seed = Number(process.env.SITESWAP_SEED ?? randomInt(1_000));
    t.log(`seed ${seed}`);
    for (let turn = 0; turn < 4; turn++) {
      const sites = await running(t);
      await killOnTheWay(t, sites, side, ((seed + turn * 17) * 7) % 60);
    }
  });
}

test('the process at the target dies upon its first heartbeat → the source goes on after it', async (t) => {
  let returned = 0;
  for (let turn = 0; turn < 4; turn++) {
    const sites = await running(t);
    const { computeA, compute } = sites;
    const moving = migrate(computeA);
    await until(async () => (await runningVms(compute.b)).length > 0);
    const { pid } = only(await runningVms(compute.b));
    // Without a rest, so that it may be killed before it has said that it runs.
    while (isThere(pid) && readAcknowledged([compute.b], 'vm1').length === 0) await nextTick();
    if (isThere(pid)) process.kill(pid, 'SIGKILL');
    if (wordOf(await moving) !== 'ok') {
      returned++;
      await goesOn(computeA);
    }
    await checkBeats(t, sites);
  }
  t.log(`${returned} of 4 went on at the source`);
});

/** The VM's process stands still, as if it had been stopped by a debugger; for ever, if need be. */
const freeze = (t: ExecutionContext, process_: RunningVm): (() => void) => {
  process.kill(process_.pid, 'SIGSTOP');
  const thaw = (): void => {
    if (isThere(process_.pid)) process.kill(process_.pid, 'SIGCONT');
  };
  t.teardown(thaw);
  return thaw;
};

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** The time that a source is waited for has passed: nobody has to wait for it here. */
const passStall = async ({ compute }: Sites): Promise<void> => {
  const file = join(compute.a, 'vms', 'production', 'vm1', 'migration.json');
  const record = JSON.parse(await readFile(file, 'utf8')) as { askedAtMs: number };
  const late = { ...record, askedAtMs: record.askedAtMs - 10 * 60_000 };
  await writeFile(`${file}.test`, JSON.stringify(late));
  await rename(`${file}.test`, file);
};

test('the source stands still before it looks → the call fails, the VM stays', async (t) => {
  const sites = await running(t);
  const { computeA, computeB, compute } = sites;
  const source = only(await runningVms(compute.a));
  const thaw = freeze(t, source);
  const key = 'run-1/live-migrate/run/1';
  const moving = migrate(computeA, 'cb', key);
  await until(async () => (await statusOf(computeA)).state === 'running');
  t.is((await computeA.settle('migrateLive', vm, computeA.context(key))).verdict, 'running');
  await passStall(sites);
  const answer = await moving;
  t.is(wordOf(answer), 'interrupted', JSON.stringify(answer));
  const { fault } = answer as { fault: Fault };
  t.is(fault.owner, 'array');
  t.regex(fault.message, /stays where it is: its process at the source stands still/);
  t.is((await computeA.settle('migrateLive', vm, computeA.context(key))).verdict, 'absent');
  t.is((await statusOf(computeA)).state, 'failed');
  t.is((await vmAt(computeB)).power ?? 'off', 'off');
  thaw();
  await goesOn(computeA);
  t.deepEqual(await runningVms(compute.b), []);
  await checkBeats(t, sites);
});

test('the source stands still at any moment of the way → one VM, no beat lost or doubled', async (t) => {
  const words: string[] = [];
  const freezes: (() => void)[] = [];
  for (let tries = 0; tries < 6; tries++) {
    const sites = await running(t);
    const { computeA, compute } = sites;
    const source = only(await runningVms(compute.a));
    const moving = migrate(computeA);
    await until(async () => (await statusOf(computeA)).state !== 'none');
    // Every other time as near to the hand-over as can be.
    if (tries % 2 === 0) await sleep(randomInt(0, 400));
    else await until(async () => ((await statusOf(computeA)).progress ?? 1) > 0.5);
    if (isThere(source.pid)) freezes.push(freeze(t, source));
    await sleep(200);
    await passStall(sites);
    words.push(wordOf(await moving));
    for (const thaw of freezes.splice(0)) thaw();
    await until(async () => (await statusOf(computeA)).state !== 'running');
    const gone = (await statusOf(computeA)).state === 'completed';
    t.true(gone || words.at(-1) !== 'ok');
    await goesOn(gone ? sites.computeB : computeA);
    await until(async () => {
      const all = [...(await runningVms(compute.a)), ...(await runningVms(compute.b))];
      return all.length === 1;
    });
    await checkBeats(t, sites);
  }
  t.log(words.join(' '));
  // Busy: it was stopped with a lock in its hands.
  t.true(words.every((word) => ['ok', 'interrupted', 'busy'].includes(word)));
});
