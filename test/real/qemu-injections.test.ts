/** Injections before a real remote: QEMU itself fails what it is asked wrongly. */
import test, { type ExecutionContext } from 'ava';
import {
  connect,
  FaultKind,
  InjectionEffectType,
  Mode,
  RunEventType,
  RunResult,
  RunStatus,
  type SiteswapClient,
  ToxicType,
} from '../../sdk/client/index.ts';
import { startDaemon } from '../../sdk/testing/index.ts';
import { type End, makeRig, type Rig } from './_support/qemu.ts';

const injectorToken = 'a token for this test only';

const storage = (rig: Rig, id: End, peer: End) => ({
  id,
  site: `site-${id}`,
  plugin: 'qemu',
  config: { directory: rig.directory(id), peers: { [peer]: rig.directory(peer) } },
});

const begin = async (t: ExecutionContext): Promise<SiteswapClient> => {
  const rig = await makeRig(t, 'asynchronous');
  const daemon = await startDaemon({
    config: {
      site: 'site-b',
      sites: [{ id: 'site-a' }, { id: 'site-b' }],
      plugins: [{ id: 'qemu', module: '@siteswap/plugin-qemu' }],
      arrays: [storage(rig, 'a', 'b'), storage(rig, 'b', 'a')],
      computes: [],
      injector: { token: injectorToken },
    },
  });
  const client = connect(daemon.address, { injectorToken });
  t.teardown(async () => {
    client.close();
    await daemon.stop();
  });
  const groups = [{ arrayId: 'a', id: 'g' }];
  await client.plans.create({
    id: 'move',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: [{ id: 'pg', groups }],
  });
  return client;
};

const requester = 'tester';

const devicesOf = async (client: SiteswapClient, arrayId: string): Promise<string> => {
  let found = 0;
  for await (const page of client.inventory.discoverDevices({ arrayIds: [arrayId] })) {
    if (page.problem !== undefined) return page.problem.error?.reason ?? 'a problem';
    found += page.devices.length;
  }
  return `${found > 0}`;
};

/** Faults of a run up to where it stands still. */
const faultsOf = async (client: SiteswapClient, runId: string) => {
  const faults = [];
  for await (const event of client.runs.watch(runId)) {
    faults.push(...event.faults);
    if (event.type === RunEventType.RUN_PARKED) break;
  }
  return faults;
};

for (const [step, verb] of [
  ['sync', 'sync'],
  ['final-sync', 'sync'],
  ['demote-source', 'prepareFailover'],
  ['promote-target', 'failover'],
] as const) {
  test.serial(
    `qemu: a parameter of ours at ${step} → its own refusal, in its own words; without it the run ends well`,
    async (t) => {
      const client = await begin(t);
      const target = { id: 'nobody', devices: ['nobody'] };
      const effect = { type: InjectionEffectType.PARAMETER, target };
      const rules = [{ name: 'another group', step, verb, nth: 1, effect }];
      await client.injections.add({ requester, rules });
      await client.injections.enable({ requester, reason: 'a test' });
      const { runId } = await client.runs.start({ planId: 'move', mode: Mode.PLANNED, requester });
      const parked = await client.waitForRun(runId);
      t.is(parked.status, RunStatus.PARKED, parked.attention);
      const [first] = await faultsOf(client, runId);
      t.is(first?.fault?.kind, FaultKind.MISSING);
      t.regex(first?.fault?.message ?? '', /nobody/);
      const { rules: told } = await client.injections.disable({ requester });
      t.is(told[0]?.hits, 1);
      await client.runs.resume({ runId, requester, decision: 'DECISION_RETRY' });
      t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);
    },
  );
}

const wellAgain = async (client: SiteswapClient): Promise<string> => {
  let found = await devicesOf(client, 'a');
  // A session that could not be opened is not tried again for a moment.
  for (let tries = 0; found !== 'true' && tries < 50; tries++) {
    await new Promise((go) => setTimeout(go, 200));
    found = await devicesOf(client, 'a');
  }
  return found;
};

/** Every toxic: what QEMU's array is then said to be, and how long it takes at the least. */
const wires = [
  ['latency', { type: ToxicType.LATENCY, latencyMs: 150 }, 'true', 140],
  ['bandwidth', { type: ToxicType.BANDWIDTH, bytes: 1_000 }, 'true', 250],
  ['slicer', { type: ToxicType.SLICER, bytes: 50, variationBytes: 20, delayMs: 5 }, 'true', 20],
  ['slow-close', { type: ToxicType.SLOW_CLOSE, delayMs: 300 }, 'true', 0],
  ['down', { type: ToxicType.DOWN }, 'REMOTE_UNREACHABLE', 0],
  ['timeout', { type: ToxicType.TIMEOUT, timeoutMs: 200 }, 'REMOTE_UNREACHABLE', 190],
  ['reset-peer', { type: ToxicType.RESET_PEER, timeoutMs: 20 }, 'REMOTE_UNREACHABLE', 15],
  ['limit-data', { type: ToxicType.LIMIT_DATA, bytes: 30 }, 'REMOTE_UNREACHABLE', 0],
] as const;

for (const [name, toxic, said, tookMsMin] of wires) {
  test.serial(`qemu: ${name} at its wire → ${said}, and off again a run ends well`, async (t) => {
    const client = await begin(t);
    t.is(await devicesOf(client, 'a'), 'true');
    await client.injections.add({ requester, rules: [{ name, remoteId: 'a', toxic }] });
    await client.injections.enable({ requester, reason: 'a test' });
    const from = performance.now();
    t.is(await devicesOf(client, 'a'), said);
    const tookMs = performance.now() - from;
    t.true(tookMs >= tookMsMin, `${tookMs} ms`);
    const { rules } = await client.injections.disable({ requester });
    t.true((rules[0]?.hits ?? 0) > 0, JSON.stringify(rules));
    t.is(await wellAgain(client), 'true');
    const { runId } = await client.runs.start({ planId: 'move', mode: Mode.PLANNED, requester });
    const run = await client.waitForRun(runId);
    t.is(run.result, RunResult.SUCCEEDED, run.attention);
  });
}

test.serial('qemu: answers late and in pieces → a run ends well all the same', async (t) => {
  const client = await begin(t);
  const rules = [
    { name: 'late', toxic: { type: ToxicType.LATENCY, latencyMs: 3, jitterMs: 2 } },
    { name: 'sliced', toxic: { type: ToxicType.SLICER, bytes: 7, variationBytes: 3 } },
  ];
  await client.injections.add({ requester, rules });
  await client.injections.enable({ requester, reason: 'a test', seed: 5 });
  const { runId } = await client.runs.start({ planId: 'move', mode: Mode.PLANNED, requester });
  const run = await client.waitForRun(runId);
  t.is(run.result, RunResult.SUCCEEDED, run.attention);
  const status = await client.injections.disable({ requester });
  t.deepEqual(
    status.rules.filter(({ hits }) => hits === 0),
    [],
  );
});

test.serial(
  'qemu: torn again and again under a run → settled by asking it, and it ends well',
  async (t) => {
    const client = await begin(t);
    const toxic = { type: ToxicType.RESET_PEER, timeoutMs: 15, toxicity: 0.5 };
    await client.injections.add({ requester, rules: [{ name: 'torn', toxic }] });
    const { runId } = await client.runs.start({ planId: 'move', mode: Mode.PLANNED, requester });
    await client.injections.enable({ requester, reason: 'a test', seed: 3 });
    await new Promise((go) => setTimeout(go, 2_500));
    const { rules } = await client.injections.disable({ requester });
    t.true((rules[0]?.hits ?? 0) > 0);
    const run = await client.waitForRun(runId);
    t.is(run.result, RunResult.SUCCEEDED, run.attention);
    t.true((await faultsOf(client, runId)).length > 0, 'it was met');
    const { notes } = await client.injections.replay(runId);
    t.regex(notes.join(), /torn .*approximate/);
  },
);
