import { readFileSync } from 'node:fs';
import test from 'ava';
import { modes } from '../../daemon/core/plan.ts';
import { actionFor } from '../../daemon/core/policy.ts';
import { callsOf } from '../../daemon/steps/calls.ts';
import { stepsPage } from '../../daemon/steps/docs.ts';
import { modeSteps, steps } from '../../daemon/steps/registry.ts';
import type { Step } from '../../daemon/steps/step.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { encodeRecord } from '../../sdk/plugin/migration-record.ts';
import { isReading } from '../../sdk/plugin/verbs.ts';
import {
  callOf,
  failing,
  type Script,
  statusOf,
  storageStep,
  stretchedItem,
  vmItem,
} from '../_support/remote.ts';

test('steps: every mode names registered steps, each once', (t) => {
  for (const mode of modes) {
    t.true(
      modeSteps[mode].every((name) => steps.has(name)),
      mode,
    );
    t.is(new Set(modeSteps[mode]).size, modeSteps[mode].length, mode);
  }
  for (const [name, step] of steps) t.is(step.name, name);
});

test('steps: the page → no empty cell, and equal to the one in docs', async (t) => {
  const page = await stepsPage();
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  t.true(rows.length > 30);
  for (const row of rows) {
    const cells = row.split('|').slice(1, -1);
    t.is(cells.length, 12, row);
    t.true(
      cells.every((cell) => cell.trim() !== ''),
      row,
    );
  }
  const stored = readFileSync(new URL('../../../docs/steps.md', import.meta.url), 'utf8');
  t.is(page, stored, 'docs/steps.md has drifted: run npm run gen:docs');
});

/** A VM that is not where it should be, for the steps that look for such. */
const unseen = ({ name }: Step) => {
  if (name === 'adopt-migrated') return [vmItem('waits')];
  return name === 'live-migrate' ? [vmItem('away')] : [];
};

/** One that came over whole and waits, and what was left of another. */
const arrivalOf = (id: string) => ({
  startedId: 'm',
  execution: id === 'waits' ? 'paused-complete' : 'paused-incoming',
});

/** A VM that was moved to another datastore. */
const migrated = encodeRecord({
  vmId: 'v',
  migrationId: '',
  sequence: 1,
  role: 'destination',
  state: 'completed',
  source: 'ds-1',
  destination: 'ds-2',
  disks: ['disk-0'],
  digest: 'd',
});
const copies = [{ datastoreId: 'ds-2', disks: ['disk-0'], record: migrated }];

test('steps: every verb that a step calls is declared by it, in its phase', async (t) => {
  for (const [name, step] of steps) {
    const script: Script = {
      'settle:migrateLive': (id) => ({ id, verdict: 'absent' }),
      shutDown: failing('refused'),
      powerOff: failing('missing'),
      unregister: failing('missing'),
      powerOn: failing('conflict'),
      migrateLive: (id) => (id === 'away' ? failing('conflict')(id) : { id, ok: true }),
      vmStatus: (id) => statusOf({ registered: id !== 'away' })(id),
      findInstances: (id) => ({ id, value: copies }),
      readFile:
        name === 'begin-storage-migration'
          ? failing('missing')
          : (id) => ({ id, value: { content: migrated } }),
      migrationStatus: (id) => ({ id, value: { state: 'running', arrival: arrivalOf(id) } }),
      deviceStatus: (id) => ({ id, value: [] }),
      syncStatus: (id) => ({ id, value: { id, state: 'none' } }),
    };
    const declared: readonly string[] = [...step.verbs, ...(step.helpers ?? [])];
    const item = step.unit === 'storage' ? stretchedItem('g') : vmItem('v');
    const changesSites = name === 'switch-site-preference';
    const { far, call } = callOf(step, [item as never, ...(unseen(step) as never[])], script, {
      before: { 'ap/g': changesSites ? 'site-p' : { 'g-p': 'outgoing' }, v: 'on' },
    });
    // Forced over, an array is looked at first.
    const forced = { ...call, mode: 'disaster' } as typeof call;
    const done: string[] = [];
    const calledIn = async (...acts: readonly (() => unknown)[]): Promise<string[]> => {
      const from = done.length;
      for (const act of acts) await act();
      done.push(...far.verbs().slice(from));
      return [...new Set(done.slice(from).map((verb) => verb.replace('settle:', '')))].sort();
    };
    const prove = () => step.prove?.(call as never, [{ id: item.id, ok: true }]);
    const judge = () => step.judge?.(call as never, [{ id: item.id, fault: fault('refused', '') }]);
    const undo = () => typeof step.undo === 'function' && step.undo(call);
    const found = {
      before: await calledIn(() => step.before?.(call)),
      run: await calledIn(
        () => step.run(call),
        () => step.run(forced),
        prove,
        judge,
      ),
      settle: await calledIn(() => step.settle(call), prove),
      undo: await calledIn(undo),
    };
    const { before = [], run = [], settle = [] } = callsOf(step, 'run');
    const { undo: undone = [] } = callsOf(step, 'undo');
    const told = { before, run, settle, undo: undone };
    for (const phase of ['before', 'run', 'settle', 'undo'] as const) {
      t.deepEqual(found[phase], [...told[phase]].sort(), `${name} ${phase}`);
    }
    const called = new Set(Object.values(found).flat());
    t.deepEqual([...called].sort(), [...new Set(declared)].sort(), name);
  }
});

test('steps: nothing that changes → undo only where there is something to undo', (t) => {
  for (const [name, step] of steps) {
    const looks = isReading(step.verbs[0]);
    if (looks) t.is(step.undo, 'nothing-to-undo', name);
  }
});

test('steps: by default a proven absence is tried again, in device runs reported', (t) => {
  for (const [name, step] of steps) {
    for (const kind of ['busy', 'interrupted', 'timeout', 'unreachable'] as const) {
      const expected = name.startsWith('device-') ? 'continue' : 'rerun';
      t.is(actionFor(step.onFault, fault(kind, '')).action, expected, `${name} ${kind}`);
    }
  }
});

test('steps: a refused change of role → the protection group goes back', (t) => {
  for (const name of ['demote-source', 'promote-target']) {
    for (const kind of ['refused', 'conflict'] as const) {
      t.deepEqual(actionFor(storageStep(name).onFault, fault(kind, '')), {
        action: 'rollback',
        reach: 'protection-group',
      });
    }
  }
});
