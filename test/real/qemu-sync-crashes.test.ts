/**
 * The daemon dies at each moment of a sync, while somebody writes to the group: the next one brings
 * it to its end from wherever it stood, and the copy is of one moment.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { identical, makeRig, type Rig } from './_support/qemu.ts';
import { readWrites, startWriter } from './_support/writer.ts';

/** Such a sync takes some tenths of a second. */
const syncMsMax = 60_000;

/** More than it has. */
const momentsMax = 500;

/** One moment in three is tried, another third by the seed; all of them with `EACH=1`. */
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const stride = process.env.EACH === undefined ? 3 : 1;

/** Where a driver of a sync died; undefined: it came to the end ahead of that moment. */
const dieAt = async (rig: Rig, key: string, moment: number): Promise<string | undefined> => {
  const script = fileURLToPath(import.meta.resolve('./_support/sync-driver.js'));
  const args = [script, rig.root, String(rig.devices), key, String(moment)];
  const driver = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const late = setTimeout(() => driver.kill('SIGKILL'), syncMsMax);
  let told = '';
  driver.stdout.on('data', (bytes) => {
    told += bytes;
  });
  const [code, signal] = await once(driver, 'close');
  clearTimeout(late);
  if (code === 0) return undefined;
  if (signal !== 'SIGKILL') throw new Error(`the driver of ${key} failed: ${told}`);
  return told.trim().split('\n').at(-1);
};

/** What the copy's newest point holds, seen through a test copy of it. */
const checkCopy = async (t: ExecutionContext, rig: Rig, where: string): Promise<void> => {
  await rig.must('b', 'testFailoverStart');
  await rig.mount('b', 'test');
  const [first, second] = await Promise.all([
    readWrites(rig.address('b'), 'r@test'),
    readWrites(rig.address('b'), 'r2@test'),
  ]);
  t.deepEqual([...first.holes, ...second.holes], [], where);
  const ahead = first.newest - second.newest;
  t.true(ahead === 0 || ahead === 1, `${where}: ${first.newest} and ${second.newest}`);
  await rig.unmount('b', 'test');
  await rig.must('b', 'testFailoverStop');
};

test.serial(
  'the daemon dies at moments of a sync → the same call ends it, and writers do not notice',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous', { devices: 2 });
    await rig.mount('a');
    const names = [await rig.exportName('a', 0), await rig.exportName('a', 1)];
    const writer = await startWriter(rig.address('a'), names);
    await rig.must('a', 'sync');
    t.log(`seed ${seed}`);
    for (let moment = 1 + (seed % stride); moment < momentsMax; moment += stride) {
      const key = `run-1/sync/run/${moment}`;
      const where = await dieAt(rig, key, moment);
      const goesOn = rig.array.a.call('sync', [rig.group('a')], { key });
      const ended = await Promise.race([goesOn, sleep(syncMsMax, undefined, { ref: false })]);
      const { recoveryPoint } = ended?.[0]?.evidence ?? {};
      t.truthy(recoveryPoint, `${where}: ${JSON.stringify(ended)}`);
      if (ended === undefined || where === undefined) break;
      await checkCopy(t, rig, where);
    }
    await writer.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    t.deepEqual([await rig.equalAtRest(0), await rig.equalAtRest(1)], [identical, identical]);
  },
);
