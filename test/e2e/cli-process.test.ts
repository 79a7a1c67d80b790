/** The launcher as a process against a private daemon: signals, pipes, restarts, nothing left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { labSpec, startLabWorld } from '../../plugins/lab/control.ts';
import { Mode, RunResult } from '../../sdk/client/index.ts';
import {
  LauncherMissing,
  type StartOptions,
  startDaemon,
  type TestDaemon,
  untilRun,
} from '../../sdk/testing/index.ts';
import { findLauncher } from '../../sdk/testing/launcher.ts';
import { until } from '../_support/files.ts';
import { tempDir } from '../_support/temp.ts';

const launcher = fileURLToPath(new URL('../../../bin/siteswap', import.meta.url));

/** Long enough to act while a run is at this step, short enough to wait for. */
/** A run of it is still going on when whoever saw it begin has got round to something. */
const slower = { groups: 1, vmsPerGroup: 2, latencies: [{ verb: 'powerOn', ms: 8_000 }] };

const slow = { groups: 1, vmsPerGroup: 2, latencies: [{ verb: 'powerOn', ms: 1_500 }] };

const started = async (t: ExecutionContext, options: StartOptions = {}): Promise<TestDaemon> => {
  const daemon = await startDaemon(options);
  t.teardown(() => daemon.stop());
  await daemon.client.plans.create({
    id: 'shop',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: [{ id: 'all', groups: [{ arrayId: 'lab-a', id: 'cg-0001' }] }],
  });
  return daemon;
};

const siteswap = (daemon: TestDaemon, ...args: readonly string[]): ChildProcess =>
  spawn(launcher, [...args, '--address', daemon.address], { stdio: ['ignore', 'pipe', 'pipe'] });

const untilSaid = async (child: ChildProcess, word: string): Promise<void> => {
  let said = '';
  for await (const chunk of (child.stdout as Readable).iterator({ destroyOnReturn: false })) {
    said += chunk;
    if (said.includes(word)) return;
  }
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`run: ${signal} → exit 130, says how to watch again, and the run goes on`, async (t) => {
    const daemon = await started(t, { world: slow });
    const child = siteswap(daemon, 'run', 'shop', '--mode', 'planned');
    await untilSaid(child, '✔ mount');
    child.kill(signal);
    const [said] = await Promise.all([
      text(child.stderr as NodeJS.ReadableStream),
      once(child, 'close'),
    ]);
    t.is(child.exitCode, 130);
    const runId = /siteswap watch (\S+)/.exec(said)?.[1] ?? '';
    const run = await untilRun(daemon.client, runId, 'ended');
    t.is(run.result, RunResult.SUCCEEDED);
  });

  test(`device verb: the run is named at once; ${signal} → exit 130, and it goes on`, async (t) => {
    const latencies = [{ verb: 'sync', ms: 3_000 }];
    const daemon = await started(t, { world: { groups: 1, vmsPerGroup: 1, latencies } });
    const child = siteswap(daemon, 'device', 'sync', 'cg-0001', '--array', 'lab-a');
    const err = text(child.stderr as NodeJS.ReadableStream);
    const out = text(child.stdout as NodeJS.ReadableStream);
    let begun = false;
    child.stderr?.on('data', (said) => {
      if (begun || !/run \S+ has begun/.test(String(said))) return;
      begun = true;
      child.kill(signal);
    });
    await once(child, 'close');
    t.is(child.exitCode, 130);
    t.is(await out, '');
    const runId = /has begun: siteswap watch (\S+)/.exec(await err)?.[1] ?? '';
    t.regex(
      await err,
      new RegExp(`goes on: siteswap watch ${runId}; .* siteswap cancel ${runId} `),
    );
    t.is((await untilRun(daemon.client, runId, 'ended')).result, RunResult.SUCCEEDED);
  });
}

const goesOn = test.macro(async (t, flags: readonly string[], begun: string, isTold: boolean) => {
  // The world must outlive the daemon: it is a process of its own.
  const socket = join(await tempDir(t), 'lab.sock');
  const world = await startLabWorld({ socket, spec: labSpec(slower) });
  t.teardown(() => world.close());
  const daemon = await started(t, { world: { socket } });
  const { runId } = await daemon.client.runs.start({
    planId: 'shop',
    mode: Mode.TEST,
    requester: 'ann',
  });
  const child = siteswap(daemon, 'watch', runId, '--from', '0', ...flags);
  let noted = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    noted += chunk;
  });
  await untilSaid(child, begun);
  await daemon.kill();
  // Programs are not told; they may have tried in vain by then.
  const isSaid = () => noted.includes('the daemon does not answer') || child.exitCode !== null;
  if (isTold) await until(isSaid);
  else await delay(1_200);
  await daemon.restart();
  child.stdout?.resume();
  if (child.exitCode === null) await once(child, 'close');
  t.is(child.exitCode, 0);
  t.is(noted.includes('the daemon answers again'), isTold);
});
const restarted = 'the daemon is killed and started again → the watch goes on, exit 0';
test(`watch: ${restarted}, and says so`, goesOn, [], '✔ mount', true);
test(`watch --json: ${restarted}`, goesOn, ['--json'], '"cursor":1,', false);

test('a reader that closes early → no stack trace, exit 0', async (t) => {
  const daemon = await started(t, { world: { groups: 200 } });
  const child = siteswap(daemon, 'devices', '--json');
  await untilSaid(child, '\n');
  child.stdout?.destroy();
  const [said] = await Promise.all([
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close'),
  ]);
  t.is(said, '');
  t.is(child.exitCode, 0);
});

test('startDaemon: stop → the process has ended and its files are gone', async (t) => {
  const daemon = await startDaemon();
  const { pid, stateDir } = daemon;
  t.true(existsSync(stateDir));
  await daemon.stop();
  t.false(existsSync(stateDir));
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('startDaemon: a daemon that cannot start → its own words, nothing left', async (t) => {
  const error = await t.throwsAsync(startDaemon({ config: { site: 'nowhere' } }));
  t.regex(String(error), /config\.yaml:\d+:\d+: site:/);
  const start = startDaemon({ launcher: '/nonexistent/siteswap' });
  const missing = await t.throwsAsync(start, { instanceOf: LauncherMissing });
  t.regex(
    missing.message,
    /there is no program \/nonexistent\/siteswap here\. Name .*SITESWAP_BIN/,
  );
  t.like(missing.cause, { code: 'ENOENT' });
  t.is(findLauncher(''), findLauncher());
});

test('untilRun: a run that ends otherwise → says how it stands, at once', async (t) => {
  const daemon = await started(t);
  const request = { planId: 'shop', mode: Mode.TEST, requester: 'ann' };
  const { runId } = await daemon.client.runs.start(request);
  const error = await t.throwsAsync(untilRun(daemon.client, runId, 'parked'));
  t.regex(String(error), /was not parked: RUN_STATUS_ENDED/);
});
