/** How soon it is there: a daemon with nothing to do, and one that was killed in a large run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Mode, RunEventType } from '../sdk/client/index.ts';
import type { Figure } from './figures.ts';
import { median } from './numbers.ts';
import { BenchProcess } from './process.ts';
import type { Scale } from './scale.ts';
import { vmsPerGroup, World } from './world.ts';

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

/** Kills a daemon half-way through a run; from its next start to new work. */
const runningAgain = async (
  { groups }: Scale,
  { vmWorkgroupMax, steps }: { readonly vmWorkgroupMax: number; readonly steps: number },
) => {
  const size = { groups, steps, faultRate: 0, latencyMs: 5, syncDelayMs: 0 };
  const world = await World.open(size);
  await world.failOver({ groups, vmWorkgroupMax });
  const runId = await world.start(Mode.REPROTECT);
  let seen = 0;
  // Two entries a task, so half of the run is as many entries as it has tasks.
  const half = (groups * vmsPerGroup * steps) / vmWorkgroupMax;
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
  const { cpuMs } = again.daemon;
  client.close();
  await again.close();
  return { readyMs, runningMs, cpuMs, vmSteps: (seen / 2) * vmWorkgroupMax };
};

/** A million VM-steps in large workgroups; a tenth of them, by ten times as many entries each. */
const sizes = [
  { vmWorkgroupMax: 100, steps: 200 },
  { vmWorkgroupMax: 10, steps: 20 },
];

export const restarts = async (scale: Scale): Promise<readonly Figure[]> => {
  const ready = await startMs(scale.starts);
  const again: Figure[] = [];
  for (const size of sizes) {
    const { readyMs, runningMs, cpuMs, vmSteps } = await runningAgain(scale, size);
    const what = `restart, ${vmSteps} VM-steps journaled by ${size.vmWorkgroupMax}`;
    again.push(
      { name: `${what}: ready`, value: readyMs, unit: 'ms' },
      {
        name: `${what}: running again`,
        value: runningMs,
        unit: 'ms',
        wanted: { of: 'value', is: '≤', than: 1_000 },
      },
      { name: `${what}: processor time until then, all threads`, value: cpuMs, unit: 'ms' },
    );
  }
  return [
    {
      name: 'siteswap daemon: ready after its start',
      value: ready,
      unit: 'ms',
      wanted: { of: 'value', is: '≤', than: 300 },
    },
    ...again,
  ];
};
