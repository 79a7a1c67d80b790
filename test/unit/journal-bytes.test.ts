/** What a task costs in the journal: the formula that docs/operations.md gives. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Entry } from '../../daemon/core/entries.ts';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { planFor, rig, untilRest } from '../_support/engine-on-lab.ts';
import { tempDir } from '../_support/temp.ts';

const workgroup = 100;

/** Its place in the file included. A task has two entries, or three where a step looks first. */
const bytesPerEntryMax = 150;

/** Entries of several pages leave a part of the last one empty. */
const pageShare = 1.2;

/** Where registering stands among the steps of a planned run. */
const register = 8;

/** For each fault that is like no other: it, its policy, and its place. */
const bytesPerFaultMax = 600;

/** A planned run of one workgroup of VMs; a tenth of them are refused at one step. */
const entriesOf = async (vms: number, refused: number): Promise<readonly string[]> => {
  const { engine, lab, journal } = await rig({ groups: 1, vms });
  const plan = planFor(1, vms);
  const groups = plan.protectionGroups.map((group) => ({
    ...group,
    vms: (group.vms ?? []).map((vm) => ({ ...vm, priority: 1 })),
  }));
  const options = { ...plan.options, vmWorkgroupMax: vms };
  const goOn = { rules: [], otherwise: { action: 'continue' } } as const;
  await engine.createPlan({ ...plan, protectionGroups: groups, options });
  const targetIds = Array.from(
    { length: refused },
    (_, at) => `vm-${`${at + 1}`.padStart(5, '0')}`,
  );
  if (refused > 0) await lab.failNext({ verb: 'register', kind: 'refused', targetIds });
  const { runId } = await engine.startRun({
    planId: plan.id,
    mode: 'planned',
    requester: 'ann',
    requestKey: '',
    policies: { register: goOn },
  });
  await untilRest(engine, runId);
  return (await journal.read(runId, 2, 10_000)).map(({ body }) => body);
};

/** Bytes that an SQLite journal takes for each of many such tasks. */
const bytesOf = async (path: string, bodies: readonly string[]): Promise<number> => {
  const tasks = 2_000;
  const journal = await openSqliteJournal({ path });
  const all = Array.from({ length: tasks }, () => bodies).flat();
  await journal.append([{ stream: 'run', seq: 1, bodies: all }]);
  await journal.close();
  return statSync(path).size / tasks;
};

interface Told {
  readonly type: Entry['type'];
  readonly step?: number;
  readonly before?: object;
  readonly evidence?: object;
  readonly faults?: readonly unknown[];
}

/** Entries by step; attempts that met a fault are left out, with all they led to. */
const stepsOf = (bodies: readonly string[]): readonly (readonly string[])[] => {
  const steps = new Map<number, string[]>();
  for (const body of bodies) {
    const { step } = JSON.parse(body) as Told;
    if (step !== undefined) steps.set(step, [...(steps.get(step) ?? []), body]);
  }
  return [...steps.values()].filter((found) => found.every((body) => !body.includes('"fault"')));
};

/** What the items of a task tell: what was found before the change, and evidence after it. */
const toldBytes = (bodies: readonly string[]): number =>
  bodies
    .map((body) => JSON.parse(body) as Told)
    .flatMap(({ before, evidence }) => [before ?? [], evidence ?? []])
    .reduce((sum: number, told) => sum + JSON.stringify(told).length, 0);

test('journal: a task of 100 VMs → at most 300 bytes, and what its items tell', async (t) => {
  const directory = await tempDir(t);
  const steps = stepsOf(await entriesOf(workgroup, 0));
  t.true(steps.length > 5);
  const sizes: number[] = [];
  for (const [at, bodies] of steps.entries()) {
    const bytes = await bytesOf(join(directory, `${at}.db`), bodies);
    const told = toldBytes(bodies);
    const what = `${bytes} bytes in ${bodies.length} entries, ${told} of them told`;
    t.true(bytes - pageShare * told <= bytesPerEntryMax * bodies.length, what);
    if (bodies.length === 2 && told < 20) sizes.push(bytes);
  }
  t.log(`${Math.max(...sizes).toFixed()} bytes at the most where items tell nothing`);
  t.true(sizes.length > 2);
});

test('journal: distinct faults → at most 600 bytes more for each', async (t) => {
  const charsOf = (bodies: readonly string[]): number => bodies.join('').length;
  const registered = async (refused: number): Promise<number> => {
    const all = await entriesOf(workgroup, refused);
    const bodies = all.filter((body) => body.includes(`"step":${register},`));
    t.is(bodies.filter((body) => body.includes('"fault"')).length > 0, refused > 0);
    return charsOf(bodies);
  };
  const none = await registered(0);
  const ten = await registered(10);
  t.log(`${((ten - none) / 10).toFixed()} bytes for each fault`);
  t.true(ten > none);
  t.true((ten - none) / 10 <= bytesPerFaultMax);
});
