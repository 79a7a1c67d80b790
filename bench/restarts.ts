/** How soon it is there: a daemon with nothing to do, and one that was killed in a large run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Mode, RunEventType } from '../sdk/client/index.ts';
import type { Figure } from './figures.ts';
import { median } from './numbers.ts';
import { BenchProcess } from './process.ts';
import type { Scale } from './scale.ts';
import { World } from './world.ts';

const launcher = new URL('../../bin/siteswap', import.meta.url).pathname;

const config = `
site: site-b
state: .
sites: [{ id: site-a }, { id: site-b }]
plugins: [{ id: lab, module: '@siteswap/plugin-lab' }]
arrays: [{ id: lab-b, site: site-b, plugin: lab, config: { world: { inline: bench, spec: {} } } }]
log: { level: error }
`;

/** From the start of `siteswap daemon` to its word that it is ready. */
const startMs = async (starts: number): Promise<number> => {
  const state = mkdtempSync(join(tmpdir(), 'siteswap-bench-'));
  writeFileSync(join(state, 'siteswap.yaml'), config);
  const args = ['daemon', '--config', join(state, 'siteswap.yaml')];
  const times: number[] = [];
  for (let start = 0; start <= starts; start++) {
    const daemon = await BenchProcess.start(launcher, args);
    // The first one makes the journal and fills the system's caches.
    if (start > 0) times.push(daemon.readyMs);
    await daemon.stop();
  }
  rmSync(state, { recursive: true, force: true });
  return median(times);
};

/** Kills a daemon half-way through a run of 100,000 VM-steps; from its next start to new work. */
const runningAgain = async ({ groups }: Scale) => {
  const size = { groups, steps: 10, faultRate: 0.01, latencyMs: 5, syncDelayMs: 0 };
  const world = await World.open(size);
  await world.failOver({ groups, vmWorkgroupMax: 10 });
  const runId = await world.start(Mode.REPROTECT);
  let seen = 0;
  const half = (groups * 100 * size.steps) / 10;
  for await (const { events } of world.client.runs.watchPages(runId)) {
    seen = events.at(-1)?.cursor ?? seen;
    if (seen > half) break;
  }
  world.client.close();
  await world.daemon.stop('SIGKILL');
  const begunMs = performance.now();
  const again = await World.open(size, world.state);
  const readyMs = performance.now() - begunMs;
  const client = connect(again.daemon.ready.split(' ')[0] ?? '');
  const isNew = (time: Date | undefined): boolean =>
    (time?.getTime() ?? 0) >= performance.timeOrigin + begunMs;
  for await (const { type, time } of client.runs.watch(runId, { cursor: seen })) {
    if (type === RunEventType.TASK_OUTCOME && isNew(time)) break;
  }
  const runningMs = performance.now() - begunMs;
  client.close();
  await again.close();
  return { readyMs, runningMs };
};

export const restarts = async (scale: Scale): Promise<readonly Figure[]> => {
  const ready = await startMs(scale.starts);
  const again = await runningAgain(scale);
  return [
    {
      name: 'siteswap daemon: ready after its start',
      value: ready,
      unit: 'ms',
      wanted: { of: 'value', is: '≤', than: 300 },
    },
    { name: 'restart with an unfinished run: ready', value: again.readyMs, unit: 'ms' },
    {
      name: 'restart with an unfinished run: running again',
      value: again.runningMs,
      unit: 'ms',
      wanted: { of: 'value', is: '≤', than: 1_000 },
    },
  ];
};
