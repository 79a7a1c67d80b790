/** Storage that goes on without an item takes its VMs along: nothing else is decided of them. */
import test from 'ava';
import { decide } from '../../daemon/core/engine/decide.ts';
import { begin, fold } from '../../daemon/core/engine/fold.ts';
import type { Slots } from '../../daemon/core/engine/ready.ts';
import type { RunState } from '../../daemon/core/engine/state.ts';
import type { Entry } from '../../daemon/core/entries.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { frozenRun, startedWith, step, workgroup } from '../_support/engine.ts';

const now = 2_000;
const full: Slots = { room: () => false, take: () => {} };
const open: Slots = { room: () => true, take: () => {} };

/** The VMs' first step waits for no storage, their second one does. */
const frozen = frozenRun(
  [
    step('switch', { unit: 'storage', policy: { rules: [], otherwise: { action: 'continue' } } }),
    step('shut-down', { side: 'protected' }),
    step('power-on'),
  ],
  [workgroup('s1', ['cg-1']), workgroup('v1', ['vm-1'])],
  [
    {
      kind: 'stands-on',
      waits: { step: 0, workgroups: [0] },
      holds: { step: 2, workgroups: [1] },
    },
  ],
);

/** Storage has failed, and in the same turn something is to be decided of the VMs on it. */
const failed = (and: readonly Entry[]): RunState => {
  const state = begin(startedWith(frozen));
  decide(state, now, full);
  const task = { at: now, group: 0, step: 0, direction: 'run', attempt: 1 } as const;
  fold(state, { type: 'task-started', ...task });
  const faults = [{ items: '0', fault: fault('refused', 'no') }];
  fold(state, { type: 'task-outcome', ...task, done: '', faults });
  for (const entry of and) fold(state, entry);
  return state;
};

const inTheSameTurn: Readonly<Record<string, readonly Entry[]>> = {
  'a slot is free for them': [],
  'their site is lost': [{ type: 'run-site-lost', at: now, siteId: 'site-a' }],
};

for (const [what, entries] of Object.entries(inTheSameTurn)) {
  test(`CONTINUE without storage, and ${what} → the VMs drop out first, and nothing breaks`, (t) => {
    const state = failed(entries);
    for (let turns = 0; turns < 4; turns++) {
      for (const entry of decide(state, now, open).entries) fold(state, entry);
    }
    t.deepEqual(
      state.groups.map(({ standing }) => standing),
      ['dropped', 'dropped'],
    );
    t.true([...(state.groups[1]?.losses.values() ?? [])].every(({ why }) => /cg-1/.test(why)));
  });
}
