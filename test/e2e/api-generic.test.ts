/** Clients that have no file of ours: buf by reflection, and contracts loaded at run time. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import test, { type ExecutionContext } from 'ava';
import { ErrorDetail } from '../../proto/gen/siteswap/v1/error.ts';
import { serve } from '../_support/api.ts';
import { repoRoot } from '../_support/root.ts';
import { tempDir } from '../_support/temp.ts';

const run = promisify(execFile);
const buf = join(repoRoot, 'node_modules/.bin/buf');

/** `buf curl` at an empty folder: it can only know what reflection tells. */
const curl = async (
  t: ExecutionContext,
  target: readonly string[],
  method: string,
  data = '{}',
) => {
  const { stdout } = await run(
    buf,
    [
      'curl',
      '--protocol',
      'grpc',
      ...target.slice(0, -1),
      '-d',
      data,
      `${target.at(-1)}/${method}`,
    ],
    { cwd: await tempDir(t), env: { ...process.env, HOME: await tempDir(t) } },
  );
  return stdout
    .split(/^(?=\{)/m)
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(text));
};

const plain = (address: string) => ['--http2-prior-knowledge', `http://${address}`];

for (const version of ['v1', 'v1alpha']) {
  test(`generic: buf curl by reflection ${version} calls, streams and reads errors`, async (t) => {
    const { address, engine } = await serve(t);
    const target = ['--reflect-protocol', `grpc-${version}`, ...plain(address)];
    const [sites] = await curl(t, target, 'siteswap.v1.InventoryService/ListSites');
    t.is(sites.sites.length, 2);
    const runId = engine.addRun();
    engine.finish(runId);
    const watch = JSON.stringify({ run_id: runId });
    const pages = await curl(t, target, 'siteswap.v1.RunService/WatchRun', watch);
    t.is(pages.at(-1).last, true);
    t.is(pages[0].events[0].type, 'RUN_EVENT_TYPE_RUN_STARTED');
    const missing = curl(t, target, 'siteswap.v1.RunService/GetRun', '{"run_id": "none"}');
    const error = await t.throwsAsync(missing);
    // buf's exit code is 8 × the gRPC code: NOT_FOUND.
    t.like(error, { code: 40 });
    const { stderr } = error as unknown as { stderr: string };
    const [detail] = JSON.parse(stderr).details;
    t.is(detail.type, 'siteswap.v1.ErrorDetail');
    const { reason, subject } = ErrorDetail.decode(Buffer.from(detail.value, 'base64'));
    t.deepEqual([reason, subject], ['RUN_NOT_FOUND', 'none']);
  });
}

test('generic: buf lists every service, over a unix socket', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  await serve(t, { listen: `unix:${path}` });
  const { stdout } = await run(buf, [
    'curl',
    '--protocol',
    'grpc',
    '--http2-prior-knowledge',
    '--unix-socket',
    path,
    '--list-services',
    'http://localhost',
  ]);
  t.deepEqual(stdout.trim().split('\n').sort(), [
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'siteswap.v1.ClusterService',
    'siteswap.v1.InjectionService',
    'siteswap.v1.InventoryService',
    'siteswap.v1.MigrationService',
    'siteswap.v1.PlanService',
    'siteswap.v1.RepairService',
    'siteswap.v1.ReplicationService',
    'siteswap.v1.RunService',
    'siteswap.v1.SiteService',
  ]);
});

test('generic: health per service, known and unknown', async (t) => {
  const { address } = await serve(t);
  const check = (service: string) =>
    curl(t, plain(address), 'grpc.health.v1.Health/Check', JSON.stringify({ service }));
  t.deepEqual(await check('siteswap.v1.RunService'), [{ status: 'SERVING' }]);
  t.like(await t.throwsAsync(check('siteswap.v1.NoService')), { code: 40 });
});

test('generic: a contract loaded at run time is enough to call', async (t) => {
  const { address } = await serve(t);
  const loaded = loadSync('siteswap/v1/plan.proto', { includeDirs: [join(repoRoot, 'proto')] });
  const packages = loadPackageDefinition(loaded) as unknown as {
    siteswap: {
      v1: { PlanService: new (...of: unknown[]) => Client & Record<string, CallableFunction> };
    };
  };
  const client = new packages.siteswap.v1.PlanService(address, credentials.createInsecure());
  t.teardown(() => client.close());
  const stored = await new Promise<{ plan: { plan: { name: string } } }>((resolve, reject) => {
    client.getPlan?.({ planId: 'erp' }, (error: Error | null, answer: never) =>
      error ? reject(error) : resolve(answer),
    );
  });
  t.is(stored.plan.plan.name, 'ERP');
});
