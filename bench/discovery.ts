/**
 * Discovery of very many devices over the wire: when the first are there, when all are, beside a
 * bare stream of as many bytes, and what it costs the daemon in memory.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DiscoverDevicesRequest,
  InventoryServiceService,
} from '../proto/gen/siteswap/v1/inventory.ts';
import { connect } from '../sdk/client/index.ts';
import { Caller, type Streamed } from './callers.ts';
import type { BenchDaemon } from './daemon.ts';
import type { Figure } from './figures.ts';
import { median, sum } from './numbers.ts';
import { BenchProcess } from './process.ts';
import type { Scale } from './scale.ts';

const repeats = 15;
const request = { arrayIds: ['lab-a'], recorded: false };
const { path } = InventoryServiceService.discoverDevices;
const byteLength = ({ length }: Buffer): number => length;

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

/** The daemon's stream, and what a bare server made of the same bytes. */
interface Beside<T> {
  readonly found: readonly T[];
  readonly bare: readonly T[];
}

const repeated = async <T>(stream: () => Promise<T>): Promise<readonly T[]> => {
  const all: T[] = [];
  for (let n = 0; n < repeats; n++) all.push(await stream());
  return all;
};

/** As a program has them: devices, decoded by the client that the SDK brings. Milliseconds. */
const asObjects = async (address: string): Promise<number> => {
  const client = connect(address);
  try {
    const begunMs = performance.now();
    for await (const { problem } of client.inventory.discoverDevices(request)) {
      if (problem !== undefined) throw new Error(problem.message);
    }
    return performance.now() - begunMs;
  } finally {
    client.close();
  }
};

const wholeStream = (name: string, found: readonly number[], bare: readonly number[]): Figure => ({
  name,
  value: median(found),
  unit: 'ms',
  limit: { name: 'bare stream of the same bytes', value: median(bare) },
  wanted: { of: 'ratio', is: '≤', than: 2 },
});

const figuresOf = (
  anew: Streamed,
  bytes: Beside<Streamed>,
  objects: Beside<number>,
  daemon: BenchProcess,
) => [
  { name: 'first time, all of them journaled', value: anew.allMs, unit: 'ms' },
  {
    name: 'first page',
    value: median(bytes.found.map(({ firstMs }) => firstMs)),
    unit: 'ms',
    wanted: { of: 'value', is: '≤', than: 50 },
  } as const,
  wholeStream('whole stream, read by the client of the SDK', objects.found, objects.bare),
  wholeStream(
    'whole stream, read by nobody: bytes alone',
    bytes.found.map(({ allMs }) => allMs),
    bytes.bare.map(({ allMs }) => allMs),
  ),
  { name: 'bytes', value: sum((bytes.found[0]?.messages ?? []).map(byteLength)), unit: 'bytes' },
  { name: 'peak memory of the daemon', value: daemon.peakMb, unit: 'MB' },
];

/** A server of what was found, and of nothing else. */
const serveAgain = async (folder: string, { messages }: Streamed): Promise<BenchProcess> => {
  const pages = join(folder, 'pages');
  mkdirSync(pages);
  messages.forEach((message, index) => {
    writeFileSync(join(pages, String(index).padStart(6, '0')), message);
  });
  return BenchProcess.module('bare/stream', { path: join(folder, 'bare'), method: path, pages });
};

export const discovery = async ({ devices }: Scale): Promise<readonly Figure[]> => {
  const state = mkdtempSync(join(tmpdir(), 'siteswap-bench-'));
  const daemon = await BenchProcess.module('daemon', daemonOf(state, devices));
  const address = daemon.ready.split(' ')[0] ?? '';
  const caller = new Caller(address);
  try {
    const asked = Buffer.from(DiscoverDevicesRequest.encode(request).finish());
    const anew = await caller.stream(path, asked);
    const found = await repeated(() => caller.stream(path, asked));
    const objects = await repeated(() => asObjects(address));
    const server = await serveAgain(state, found[0] as Streamed);
    const direct = new Caller(server.ready);
    const bare = await repeated(() => direct.stream(path, asked));
    const bareObjects = await repeated(() => asObjects(server.ready));
    direct.close();
    await server.stop();
    return figuresOf(anew, { found, bare }, { found: objects, bare: bareObjects }, daemon);
  } finally {
    caller.close();
    await daemon.stop();
    rmSync(state, { recursive: true, force: true });
  }
};
