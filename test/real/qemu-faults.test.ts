/**
 * Every row of the fault table, made for real: the verdict of the daemon's functions is that of the
 * table, the guest goes on at one place at most, and where it must.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { judgeArrival } from '../../daemon/core/migration.ts';
import type { MigrationVerdict } from '../../daemon/core/migration-sides.ts';
import { faultOrUnknown } from '../../plugins/qemu/faults.ts';
import type { Step, Watch } from '../../plugins/qemu/journey.ts';
import { isOn, withMonitor } from '../../plugins/qemu/machine.ts';
import { migrateLive, migrationStatus } from '../../plugins/qemu/migrate.ts';
import { atOf, socketOf } from '../../plugins/qemu/places.ts';
import { powerOn } from '../../plugins/qemu/power.ts';
import { until } from '../_support/files.ts';
import {
  callWith,
  goesOn,
  judgeAt,
  look,
  never,
  type QemuSites,
  qemuSites,
  statusOf,
  vmOf,
} from '../_support/qemu.ts';
import { endProcess, makeWire, type Wire } from '../_support/qemu-breaking.ts';

const id = 'vm-d1-1';

interface Scene {
  readonly sites: QemuSites;
  readonly wire: Wire;
}

interface Row {
  readonly fault: string;
  /** When it happens. */
  readonly at: Step;
  /** Set before the stream begins. */
  readonly wire?: Partial<Pick<Wire, 'deaf' | 'bytesMax'>>;
  readonly strike: (scene: Scene) => Promise<unknown> | undefined;
  /** What both sides together say then, before anything is done about it. */
  readonly verdict: MigrationVerdict;
  /** Where the guest goes on in the end. */
  readonly ends: 'a' | 'b' | 'nowhere';
}

const nothing = (): undefined => undefined;

const rows: readonly Row[] = [
  {
    fault: 'source killed in pre-copy',
    at: 'copying',
    wire: { bytesMax: 65_536 },
    strike: ({ sites }) => endProcess(sites.a, id),
    verdict: 'lost',
    ends: 'nowhere',
  },
  {
    fault: 'source killed at pre-switchover',
    at: 'switching',
    strike: ({ sites }) => endProcess(sites.a, id),
    verdict: 'lost',
    ends: 'nowhere',
  },
  {
    fault: 'destination killed in pre-copy',
    at: 'copying',
    wire: { bytesMax: 65_536 },
    strike: ({ sites }) => endProcess(sites.b, id),
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'stream cut in pre-copy',
    at: 'copying',
    wire: { bytesMax: 65_536 },
    strike: async ({ wire }) => {
      await until(() => wire.carried > 0);
      wire.cut();
    },
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'stream stalled',
    at: 'copying',
    wire: { bytesMax: 65_536 },
    strike: nothing,
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'destination killed at pre-switchover',
    at: 'switching',
    strike: ({ sites }) => endProcess(sites.b, id),
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'last bytes lost',
    at: 'switching',
    strike: async ({ wire }) => {
      wire.swallow = true;
      void sleep(1_000).then(() => wire.cut());
    },
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'acknowledgement lost',
    at: 'switching',
    wire: { deaf: true },
    strike: nothing,
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'source killed after completed',
    at: 'transferred',
    strike: ({ sites }) => endProcess(sites.a, id),
    verdict: 'transferred',
    ends: 'b',
  },
  {
    fault: 'destination killed after completed, before it went on',
    at: 'transferred',
    strike: ({ sites }) => endProcess(sites.b, id),
    verdict: 'at-source',
    ends: 'a',
  },
  {
    fault: 'destination killed once it may have gone on',
    at: 'marked',
    strike: ({ sites }) => endProcess(sites.b, id),
    verdict: 'lost',
    ends: 'nowhere',
  },
];

/** Sites with the VM on at a, and a wire that its migration will go by. */
const prepared = async (t: ExecutionContext, row?: Pick<Row, 'wire'>) => {
  const sites = await qemuSites(t);
  await powerOn(sites.a, callWith(), vmOf(id));
  await goesOn(sites.a, id);
  let wire: Wire | undefined;
  const route = async (path: string): Promise<string> => {
    wire = await makeWire(join(sites.root, 'wire'), path);
    Object.assign(wire, row?.wire);
    return wire.path;
  };
  t.teardown(() => wire?.close());
  return { sites, route, wireOf: (): Wire => wire as Wire };
};

const copies = async ({ a, b }: QemuSites): Promise<number> =>
  [await look(a, id), await look(b, id)].filter(({ status }) => status === 'running').length;

/** One thing after the other is asked: a moment in which both seem to run is looked at again. */
const neverTwice = async (t: ExecutionContext, sites: QemuSites): Promise<void> => {
  if ((await copies(sites)) > 1) t.true((await copies(sites)) <= 1, 'two copies run');
};

for (const row of rows) {
  test.serial(`fault: ${row.fault} → ${row.verdict}, and it goes on at ${row.ends}`, async (t) => {
    const { sites, route, wireOf } = await prepared(t, row);
    const { bootId } = await statusOf(sites.a, id);
    let found: MigrationVerdict | undefined;
    const at = async (step: Step): Promise<void> => {
      if (step !== row.at) return;
      await row.strike({ sites, wire: wireOf() });
      await until(async () => {
        await neverTwice(t, sites);
        found = (await judgeAt([sites.b, sites.a], id))?.verdict;
        return found === row.verdict;
      }).catch(() => undefined);
    };
    const watch: Watch = { at, route };
    const moved = await migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', watch).then(
      () => 'moved',
      (error: unknown) => faultOrUnknown(error).kind,
    );
    t.is(found, row.verdict);
    t.is(moved, row.ends === 'b' ? 'moved' : 'interrupted');
    await neverTwice(t, sites);
    for (const side of ['a', 'b'] as const) {
      t.is(isOn(await look(sites[side], id)), side === row.ends, `on at ${side}`);
      if (side !== row.ends) continue;
      await goesOn(sites[side], id);
      t.is((await statusOf(sites[side], id)).bootId, bootId, 'in the boot that it had');
    }
    if (row.ends !== 'nowhere') return;
    await powerOn(sites.a, callWith(), vmOf(id));
    await goesOn(sites.a, id);
    t.not((await statusOf(sites.a, id)).bootId, bootId, 'from its disk, in a new boot');
  });
}

test.serial('fault: source unreachable, destination paused and complete → ambiguous', async (t) => {
  const { sites, route } = await prepared(t);
  let verdict: string | undefined;
  const at = async (step: Step): Promise<void> => {
    if (step !== 'transferred') return;
    const { arrival } = await migrationStatus(sites.b, vmOf(id), never);
    verdict = judgeArrival(id, arrival).verdict;
  };
  await migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at, route });
  t.is(verdict, 'ambiguous');
});

test.serial(
  'fault: a destination that starts by itself, acknowledgement lost → split brain',
  async (t) => {
    const { sites, route } = await prepared(t, { wire: { deaf: true } });
    let verdict: string | undefined;
    const at = async (step: Step): Promise<void> => {
      if (step !== 'switching') return;
      // What this plugin never does: the guest is told to run whatever its source says.
      const there = atOf(sites.b, vmOf(id));
      const { machine } = await look(sites.b, id);
      const { machine: here } = await look(sites.a, id);
      // Whoever judges the migration looks once this has let go of the monitor.
      await new Promise<void>((isHeld) => {
        void withMonitor(there, machine?.token ?? '', 'look', never, async (qmp) => {
          isHeld();
          await until(
            async () => (await qmp.must<{ status: string }>('query-status')).status === 'paused',
          );
          await qmp.must('cont');
        });
      });
      t.truthy(here);
    };
    const moving = migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at, route }).catch(
      (error: unknown) => faultOrUnknown(error).kind,
    );
    await until(async () => {
      verdict = (await judgeAt([sites.b, sites.a], id))?.verdict;
      return verdict === 'split-brain';
    }).catch(() => undefined);
    t.is(verdict, 'split-brain');
    t.is(await moving, 'conflict', 'a person has to end one of them');
  },
);

interface Capability {
  readonly capability: string;
  readonly state: boolean;
}

/** As this plugin never does it: without a return path, so that nobody acknowledges anything. */
const withoutReturnPath = async (sites: QemuSites, wireTo: (path: string) => Promise<Wire>) => {
  const [here, there] = [await look(sites.a, id), await look(sites.b, id)];
  const [left = '', came = ''] = [here.machine?.token, there.machine?.token];
  const wire = await wireTo(socketOf(atOf(sites.b, vmOf(id)), came, 'arrive'));
  await withMonitor(atOf(sites.a, vmOf(id)), left, 'look', never, async (qmp) => {
    // The source is made ready while the destination starts.
    await until(async () =>
      (await qmp.must<Capability[]>('query-migrate-capabilities')).some(
        ({ capability, state }) => capability === 'return-path' && state,
      ),
    );
    const capabilities: Capability[] = [{ capability: 'return-path', state: false }];
    await qmp.must('migrate-set-capabilities', { capabilities });
    const events = qmp.events();
    await qmp.must('migrate', { uri: `unix:${wire.path}` });
    await events.until(({ data }) => data.status === 'pre-switchover', AbortSignal.timeout(20_000));
    wire.swallow = true;
    await qmp.must('migrate-continue', { state: 'pre-switchover' });
    await events.until(({ data }) => data.status === 'completed', AbortSignal.timeout(20_000));
  });
  wire.cut();
  await until(async () => (await look(sites.b, id)).status === 'gone');
};

test.serial(
  'fault: last bytes lost without a return path → a false "completed", at source',
  async (t) => {
    const { sites, route, wireOf } = await prepared(t);
    let verdict: string | undefined;
    const at = async (step: Step): Promise<void> => {
      if (step !== 'placed') return;
      await withoutReturnPath(sites, async (path) => {
        await route(path);
        return wireOf();
      });
      t.is((await look(sites.a, id)).migration, 'completed', 'QEMU believes it');
      verdict = (await judgeAt([sites.b, sites.a], id))?.verdict;
      throw new Error('the driver has seen enough');
    };
    const moving = migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at });
    await t.throwsAsync(moving);
    t.is(verdict, 'at-source');
    await goesOn(sites.a, id);
  },
);
