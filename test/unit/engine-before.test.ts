import test from 'ava';
import { decide } from '../../daemon/core/engine/decide.ts';
import { begin, fold } from '../../daemon/core/engine/fold.ts';
import { rerun, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { frozenRun, startedWith, step, workgroup } from '../_support/engine.ts';

const again = rerun({ attemptsMax: 3, delayMsMin: 1, delayMsMax: 2 });

test('before: found again at a second attempt → undo gets what the first one found', (t) => {
  const policy = { rules: [{ do: again }], otherwise: stop() };
  const steps = [step('shut-down', { before: true, policy }), step('next')];
  const state = begin(startedWith(frozenRun(steps, [workgroup('v1', ['vm'])])));
  const slots = { room: () => true, take: () => {} };
  const turn = (now: number) => {
    for (const entry of decide(state, now, slots).entries) fold(state, entry);
  };
  const at = { at: 1_000, group: 0, step: 0, direction: 'run' } as const;

  turn(1_000);
  fold(state, { type: 'task-prepared', ...at, attempt: 1, before: { 0: 'on' } });
  const busy = [{ items: '0', fault: fault('busy', 'later') }];
  fold(state, { type: 'task-outcome', ...at, attempt: 1, done: '', faults: busy });
  for (let now = 1_000; state.groups[0]?.standing !== 'started' && now < 2_000; now++) turn(now);
  fold(state, { type: 'task-prepared', ...at, attempt: 2, before: { 0: 'off' } });
  fold(state, { type: 'task-outcome', ...at, attempt: 2, done: '0', faults: [] });

  t.deepEqual(state.groups[0]?.completed[0]?.before, { 0: 'on' });
});
