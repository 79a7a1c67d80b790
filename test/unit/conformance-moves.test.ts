/** The claims about storage migrations can fail: the lab keeps them, and each defect breaks one. */
import { ClaimFailure, conformanceClaims, type Fixture } from '@siteswap/sdk/conformance';
import type { MoveTarget } from '@siteswap/sdk/plugin';
import test from 'ava';
import {
  controlLab,
  datastoreIdOf,
  deviceIdOf,
  inlineLab,
  vmIdOf,
} from '../../plugins/lab/control.ts';
import lab from '../../plugins/lab/index.ts';

interface Call {
  readonly targets: readonly MoveTarget[];
  readonly args: { readonly end?: 'from' | 'to' };
}
type Run = (call: Call) => Promise<readonly Record<string, unknown>[]>;

interface Defect {
  readonly name: string;
  readonly verb: string;
  /** In place of the verb as it is (`run`). */
  readonly broken: (run: Run) => Run;
  /** How the title of the claim goes on that must fail by it. */
  readonly fails: string;
}

const says =
  (more: Record<string, unknown>): ((run: Run) => Run) =>
  () =>
  async ({ targets }) =>
    targets.map(({ id }) => ({ id, ok: true, ...more }));

const defects: readonly Defect[] = [
  {
    name: 'seals nothing',
    verb: 'cutOver',
    broken: says({}),
    fails: 'mirrored and cut over',
  },
  {
    name: 'tells another digest than it sealed',
    verb: 'cutOver',
    broken: (run) => async (call) =>
      (await run(call)).map((answer) => ({ ...answer, evidence: { digest: 'another' } })),
    fails: 'mirrored and cut over',
  },
  {
    name: 'leaves the disks of the source',
    verb: 'removeDisks',
    broken: says({}),
    fails: 'mirrored and cut over',
  },
  {
    name: 'reads no digests',
    verb: 'findInstances',
    broken: (run) => (call) => run({ ...call, args: {} }),
    fails: 'cut over → the source is whole still',
  },
  {
    name: 'removes what the VM stands on',
    verb: 'removeDisks',
    broken: (run) => async (call) =>
      (await run(call)).map((answer) => ('fault' in answer ? { id: answer.id, ok: true } : answer)),
    fails: 'removeDisks where the VM stands',
  },
  {
    name: 'keeps what was given up',
    verb: 'removeDisks',
    broken: (run) => (call) => (call.args.end === 'to' ? says({})(run)(call) : run(call)),
    fails: 'given up before the cut-over',
  },
  {
    name: 'chooses another copy of a VM that is on',
    verb: 'chooseInstance',
    broken: says({}),
    fails: 'two copies, one is chosen',
  },
];

const fixtureOf = (name: string, defect?: Defect): Fixture => {
  const control = controlLab(
    inlineLab(name, { options: { groups: 1, devicesPerGroup: 2, heartbeatMs: 1 } }),
  );
  const both = <T>(make: (letter: string) => T) => ({ source: make('a'), target: make('b') });
  const remote = (prefix: string) =>
    both((letter) => ({
      id: prefix + letter,
      siteId: `site-${letter}`,
      config: { world: { inline: name } },
    }));
  const datastore = (n: number) => ({
    id: datastoreIdOf(1, n),
    devices: both((letter) => [
      { arrayId: `lab-${letter}`, deviceId: deviceIdOf(`site-${letter}`, 1, n) },
    ]),
  });
  const verbs = lab.verbs as Record<string, unknown>;
  const verb = defect && verbs[defect.verb];
  const run = (typeof verb === 'function' ? verb : (verb as { run?: unknown })?.run) as Run;
  const broken = defect && {
    [defect.verb]:
      typeof verb === 'function'
        ? defect.broken(run)
        : { ...(verb as object), run: defect.broken(run) },
  };
  return {
    plugin: { ...lab, verbs: { ...lab.verbs, ...broken } },
    arrays: remote('lab-'),
    computes: remote('lab-compute-'),
    datastores: [datastore(1), datastore(2)],
    vms: [{ id: vmIdOf(1), datastoreIds: [datastoreIdOf(1, 1)] }],
    move: { vmId: vmIdOf(1), toDatastoreId: datastoreIdOf(1, 2) },
    reset: async () => control.reset(),
  };
};

const claimsOf = async (fixture: Fixture) =>
  (await conformanceClaims(fixture.plugin)).filter(({ title }) =>
    title.startsWith('storage migration: '),
  );

test('a sound plugin keeps every claim about storage migrations', async (t) => {
  const fixture = fixtureOf('moves-sound');
  const claims = await claimsOf(fixture);
  for (const claim of claims) {
    t.deepEqual(claim.missing(fixture), []);
    await t.notThrowsAsync(() => claim.run(fixture), claim.title);
  }
  t.is(claims.length, 5);
});

test('without what can be moved the claims are skipped, and say so', async (t) => {
  const { move: _move, ...fixture } = fixtureOf('moves-none');
  for (const claim of await claimsOf(fixture))
    t.deepEqual(claim.missing(fixture), ['fixture move']);
});

for (const [at, defect] of defects.entries()) {
  test(`a plugin that ${defect.name} (${defect.verb}) fails "${defect.fails}"`, async (t) => {
    const fixture = fixtureOf(`moves-${at}`, defect);
    const claims = await claimsOf(fixture);
    const claim = claims.find(({ title }) => title.includes(`: ${defect.fails}`));
    t.truthy(claim);
    await t.throwsAsync(async () => claim?.run(fixture), { instanceOf: ClaimFailure });
  });
}
