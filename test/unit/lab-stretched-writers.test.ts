/** Whatever is called and broken in whatever order, a stretched device has one writer a VM. */
import type { TargetVerb } from '@siteswap/sdk/plugin';
import test from 'ava';
import fc from 'fast-check';
import { datastore, group, makeLab, type TestLab, vm } from '../_support/lab.ts';

type Move = readonly [string, (lab: TestLab) => Promise<unknown>];

const vms = [vm(1), vm(2)];
const side = fc.constantFrom('a' as const, 'b' as const);

const onGroup = (verb: TargetVerb, args: object = {}) =>
  side.map(
    (at): Move => [
      `${verb} ${JSON.stringify(args)} at ${at}`,
      (lab) => lab.verb(`lab-${at}`, verb, [group()], { args }),
    ],
  );

const onVms = (verb: TargetVerb) =>
  side.map((at): Move => [`${verb} at ${at}`, (lab) => lab.verb(`lab-compute-${at}`, verb, vms)]);

const migrate = fc.tuple(side, fc.boolean()).map(([from, one]): Move => {
  const args = { toComputeId: `lab-compute-${from === 'a' ? 'b' : 'a'}` };
  return [
    `migrateLive ${one ? 'one' : 'both'} from ${from}`,
    (lab) => lab.verb(`lab-compute-${from}`, 'migrateLive', one ? vms.slice(0, 1) : vms, { args }),
  ];
});

const boot = side.map(
  (at): Move => [
    `start at ${at}`,
    async ({ verb }) => {
      await verb(`lab-compute-${at}`, 'mount', [datastore()]);
      await verb(`lab-compute-${at}`, 'register', vms);
      await verb(`lab-compute-${at}`, 'powerOn', vms);
    },
  ],
);

const lose = fc
  .tuple(side, fc.constantFrom('keep' as const, 'crash' as const))
  .map(
    ([at, how]): Move => [
      `lose ${at}, VMs ${how}`,
      (lab) => lab.control.loseSite(`site-${at}`, { vms: how }),
    ],
  );

const comeBack = side.map(
  (at): Move => [`return ${at}`, (lab) => lab.control.returnSite(`site-${at}`)],
);

const link = fc
  .boolean()
  .map(
    (up): Move => [
      up ? 'heal the link' : 'cut the link',
      (lab) => lab.control[up ? 'healLink' : 'cutLink']('site-a', 'site-b'),
    ],
  );

/** What it takes to have both ends serve it again: moves that seldom come in a row by chance. */
const mend = side.map(
  (at): Move => [
    `mend, out of ${at}`,
    async ({ verb, control }) => {
      for (const siteId of ['site-a', 'site-b']) await control.returnSite(siteId);
      await control.healLink('site-a', 'site-b');
      await verb(`lab-compute-${at === 'a' ? 'b' : 'a'}`, 'powerOff', vms);
      await verb(`lab-${at}`, 'resync', [group()], { args: { changes: 'keep' } });
    },
  ],
);

const late = fc
  .constantFrom<TargetVerb>('migrateLive', 'powerOn', 'fence', 'setSitePreference', 'resync')
  .map(
    (verb): Move => [
      `next ${verb} lands late`,
      (lab) => lab.control.failNext({ verb, kind: 'timeout', effect: 'late', lateMs: 700 }),
    ],
  );

const calls = [
  onGroup('setSitePreference', { siteId: 'site-a' }),
  onGroup('setSitePreference', { siteId: 'site-b' }),
  onGroup('fence'),
  onGroup('resync', { changes: 'keep' }),
  onGroup('resync', { changes: 'discard' }),
  onGroup('suspendReplication'),
  onGroup('resumeReplication'),
  onVms('cancelMigration'),
  onVms('powerOff'),
];

const move = fc.oneof(
  ...calls.map((arbitrary) => ({ weight: 1, arbitrary })),
  ...[late, link].map((arbitrary) => ({ weight: 2, arbitrary })),
  ...[boot, lose, mend].map((arbitrary) => ({ weight: 3, arbitrary })),
  ...[comeBack, migrate].map((arbitrary) => ({ weight: 5, arbitrary })),
);

const settings = fc.record({
  crossSiteMs: fc.constantFrom(0, 15),
  operationMs: fc.constantFrom({}, { resync: 900, migrateLive: 400 }),
});

/** What the lab's own rules do not look at: a boot goes on from what it was told is written. */
const newMemory = () => {
  const told = new Map<string, number>();
  return async ({ control }: TestLab): Promise<void> => {
    for (const { id } of vms) {
      const writing = (await control.runs(id)).filter(({ writes }) => writes);
      const lineages = new Set(writing.map(({ lineage }) => lineage));
      if (lineages.size < writing.length) throw new Error(`two writers: ${show(writing)}`);
      for (const { bootId, heartbeat } of writing) {
        if (heartbeat < (told.get(bootId) ?? 0)) throw new Error(`went back: ${show(writing)}`);
        told.set(bootId, heartbeat);
      }
    }
  };
};

const show = (value: unknown): string => JSON.stringify(value);

test('any calls, losses and late effects on stretched devices: one writer a VM', async (t) => {
  const seed = 20_261_122;
  t.log(`seed ${seed}`);
  const reached = { fence: 0, resync: 0, migrateLive: 0 };
  const holds = fc.asyncProperty(
    settings,
    fc.array(move, { minLength: 20, maxLength: 60 }),
    async (options, moves) => {
      const lab = makeLab({ groups: 0, stretched: 1, vmsPerGroup: 2, heartbeatMs: 10, ...options });
      const check = newMemory();
      for (const [name, make] of moves) {
        // An unreachable remote throws: that is an answer too.
        await make(lab).catch(() => undefined);
        await lab.time.advance(300);
        const violations = await lab.control.verify();
        if (violations.length > 0) throw new Error(`${name}: ${show(violations)}`);
        await check(lab);
      }
      for (const { verb, times } of await lab.control.effects()) {
        if (verb in reached) reached[verb as keyof typeof reached] += times;
      }
    },
  );
  await fc.assert(holds, { numRuns: 300, seed });
  for (const [verb, times] of Object.entries(reached)) {
    t.true(times > 100, `${verb} had an effect ${times} times: too few to prove anything`);
  }
  t.log(reached);
});
