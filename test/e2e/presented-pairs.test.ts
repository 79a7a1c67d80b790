/** A recovery manager that knows nothing of plans, and pairs by their first ids only. */
import test, { type ExecutionContext } from 'ava';
import { type LabDaemon, startOnLab } from '../_support/daemon-on-lab.ts';

const first = 'lun-a-0001-1';
const second = 'lun-b-0001-1';

const expectShown = async (t: ExecutionContext, { daemon }: LabDaemon) => {
  for (const [arrayId, other] of [
    ['lab-a', 'lab-b'],
    ['lab-b', 'lab-a'],
  ] as const) {
    const shown = [];
    const found = daemon.client.inventory.discoverDevices({ arrayIds: [arrayId] });
    for await (const { devices } of found) shown.push(...devices);
    t.deepEqual(
      shown.map(({ id, peer, stretched }) => [id, peer?.arrayId, peer?.deviceId, stretched]),
      [[first, other, first, true]],
    );
  }
};

const asked = (arrayId: string) => ({ arrayId, targets: [{ id: first }], requester: 'rm' });

interface Results {
  readonly results: readonly { readonly outcome?: { readonly $case: string } | undefined }[];
}

/** A test beside it, then the source's site over to the target's, and replication turned round. */
const over = async (t: ExecutionContext, { daemon }: LabDaemon, from: string, to: string) => {
  const { replication } = daemon.client;
  const ok = ({ results }: Results) =>
    t.deepEqual(
      results.map(({ outcome }) => outcome?.$case),
      ['success'],
    );
  ok(await replication.testFailoverStart(asked(to)));
  ok(await replication.testFailoverStop(asked(to)));
  ok(await replication.sync(asked(from)));
  const [synced] = await replication.querySync(asked(to));
  t.is(synced?.outcome?.$case, 'status');
  ok(await replication.prepareFailover(asked(from)));
  ok(await replication.failover(asked(to)));
  ok(await replication.reverse(asked(to)));
};

test('presented pair: discovery and single verbs → over, back, tests, by the first id', async (t) => {
  const made = await startOnLab({
    world: { groups: 0, lonePairs: 1, vmsPerGroup: 0 },
    present: 'pair-as-stretched',
  });
  t.teardown(made.close);
  const { daemon, lab } = made;
  await expectShown(t, made);
  for (const [from, to, source] of [
    ['lab-a', 'lab-b', first],
    ['lab-b', 'lab-a', second],
  ] as const) {
    t.is(await lab.write(from, source), 'written');
    await over(t, made, from, to);
    const { files } = await lab.contents('lab-a', first);
    t.deepEqual(files, (await lab.contents('lab-b', second)).files);
    await expectShown(t, made);
  }
  const [refused] = (await daemon.client.replication.testFailoverStart(asked('lab-a'))).results;
  const fault = refused?.outcome?.$case === 'fault' ? refused.outcome.value : undefined;
  t.is(fault?.code, 'WRONG_SIDE');
  t.regex(fault?.message ?? '', /^lun-a-0001-1:/);
  const tested = await lab.effects('testFailoverStart');
  t.deepEqual(
    tested.map(({ remoteId, id }) => [remoteId, id]),
    [
      ['lab-b', second],
      ['lab-a', first],
    ],
  );
  t.deepEqual(await lab.verify(), []);
});
