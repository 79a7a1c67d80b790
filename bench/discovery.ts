/**
 * Discovery of very many devices over the wire: when the first are there, when all are, beside a
 * bare stream of as many bytes, and what it costs the daemon in memory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DiscoverDevicesRequest,
  InventoryServiceService,
} from '../proto/gen/siteswap/v1/inventory.ts';
import { streamService } from './bare/stream.ts';
import { Caller, type Streamed } from './callers.ts';
import type { BenchDaemon } from './daemon.ts';
import type { Figure } from './figures.ts';
import { median } from './numbers.ts';
import { BenchProcess } from './process.ts';
import type { Scale } from './scale.ts';

const repeats = 5;

const daemonOf = (state: string, singles: number): BenchDaemon => ({
  state,
  singles,
  groups: 1,
  vmsPerGroup: 1,
  steps: 1,
  faultRate: 0,
  latencyMs: 0,
  syncDelayMs: 0,
});

const repeated = async (stream: () => Promise<Streamed>): Promise<readonly Streamed[]> => {
  const all: Streamed[] = [];
  for (let n = 0; n < repeats; n++) all.push(await stream());
  return all;
};

const figuresOf = (found: readonly Streamed[], bare: readonly Streamed[], daemon: BenchProcess) => [
  {
    name: 'first page',
    value: median(found.map(({ firstMs }) => firstMs)),
    unit: 'ms',
    wanted: { of: 'value', is: '≤', than: 50 },
  } as const,
  {
    name: 'whole stream',
    value: median(found.map(({ allMs }) => allMs)),
    unit: 'ms',
    limit: { name: 'bare stream of the same bytes', value: median(bare.map((one) => one.allMs)) },
    wanted: { of: 'ratio', is: '≤', than: 2 },
  } as const,
  { name: 'bytes', value: found[0]?.bytes ?? Number.NaN, unit: 'bytes' },
  { name: 'peak memory of the daemon', value: daemon.peakMb, unit: 'MB' },
];

export const discovery = async ({ devices }: Scale): Promise<readonly Figure[]> => {
  const state = mkdtempSync(join(tmpdir(), 'siteswap-bench-'));
  const daemon = await BenchProcess.module('daemon', daemonOf(state, devices));
  const caller = new Caller(daemon.ready.split(' ')[0] ?? '');
  const request = DiscoverDevicesRequest.encode({ arrayIds: ['lab-a'], recorded: false }).finish();
  const { path } = InventoryServiceService.discoverDevices;
  try {
    const found = await repeated(() => caller.stream(path, Buffer.from(request)));
    const { bytes, messages } = found[0] as Streamed;
    const order = { path: join(state, 'bare'), messages, bytes: Math.ceil(bytes / messages) };
    const server = await BenchProcess.module('bare/stream', order);
    const direct = new Caller(server.ready);
    const bare = await repeated(() => direct.stream(streamService.all.path, Buffer.alloc(0)));
    direct.close();
    await server.stop();
    return figuresOf(found, bare, daemon);
  } finally {
    caller.close();
    await daemon.stop();
    rmSync(state, { recursive: true, force: true });
  }
};
