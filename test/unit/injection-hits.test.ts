/** What is counted of rules, at once and once for each attempt; and what a replay makes of it. */
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { foldAll } from '../../daemon/core/engine/fold.ts';
import { reportOf } from '../../daemon/core/engine/report.ts';
import type { Entry } from '../../daemon/core/entries.ts';
import { replayOf } from '../../daemon/core/replay.ts';
import { type CallRule, isToxicRule } from '../../sdk/scenario/rule.ts';
import type { Rig } from '../_support/engine-on-lab.ts';
import { entriesOf, on, ready, run, start } from '../_support/injected-runs.ts';

const refused = { kind: 'refused', owner: 'array', message: 'on purpose', code: 'E1' } as const;
const statusOf = ({ engine }: Rig) => engine.injections.status().rules[0];

/** Without what is up to the moment: a VM that has not written yet. */
const replayed = async (made: Rig, runId: string): Promise<readonly CallRule[]> => {
  const { rules } = await made.engine.replayRun(runId);
  return rules.flatMap((rule) => (isToxicRule(rule) || rule.step === 'verify' ? [] : [rule]));
};

test('fail-later: drawn once → one hit, though it shows when the operation is asked about', async (t) => {
  const made = await ready();
  const later = { effect: 'fail-later', fault: refused } as const;
  await on(made, [{ name: 'r', step: 'mount', nth: 1, effect: later }]);
  const runId = await run(made);
  t.like(statusOf(made), { drawn: 1, hits: 1 });
  const faults = (await entriesOf(made, runId)).filter(
    (entry) => entry.type === 'task-outcome' && entry.faults.some(({ fault }) => fault.code),
  );
  t.is(faults.length, 1, 'the operation failed');
  await made.close();
});

for (const effect of ['hang', 'lost-reply'] as const) {
  test(`${effect}: a hit while it is under way`, async (t) => {
    const made = await ready();
    await on(made, [{ name: 'r', step: 'mount', nth: 1, effect: { effect } }]);
    await start(made);
    while (statusOf(made)?.hits !== 1) await turn();
    t.like(statusOf(made), { drawn: 1, hits: 1, note: '' });
    await made.close();
  });
}

test('report, replay: a rule that was drawn and changed nothing → not in it; of an old journal it is', async (t) => {
  const made = await ready();
  const effect = { effect: 'error', fault: refused } as const;
  const nonsense = { effect: 'wrong-result', set: { nonsense: 'off' } } as const;
  await on(made, [
    { name: 'not called', step: 'power-on', verb: 'vmStatus', effect },
    { name: 'no change', step: 'shut-down', verb: 'vmStatus', workgroup: 'v1', effect: nonsense },
    { name: 'refused', step: 'register', verb: 'register', workgroup: 'v1', effect },
  ]);
  const runId = await run(made);
  const { rules } = made.engine.injections.status();
  t.true(rules.every(({ drawn }) => drawn > 0));
  const { injected } = await made.engine.reportRun(runId);
  t.deepEqual(injected, { refused: rules[2]?.hits });
  const [only, ...others] = await replayed(made, runId);
  t.like(only, { name: '1 refused', step: 'register', workgroup: 'v1' });
  t.deepEqual(others, []);
  const entries = await entriesOf(made, runId);
  const before = entries.map((entry) =>
    'struck' in entry ? { ...entry, struck: undefined } : entry,
  );
  const then = foldAll(before as Entry[]);
  const { injected: carried } = reportOf(then, before as Entry[], then.endedAtMs ?? 0);
  t.deepEqual(carried, Object.fromEntries(rules.map(({ name, drawn }) => [name, drawn])));
  const old = replayOf(then, before as Entry[], []);
  const names = old.rules.map(({ name }) => name.replace(/^\d+ /, ''));
  t.deepEqual(
    ['not called', 'no change', 'refused'].filter((name) => !names.includes(name)),
    [],
  );
  await made.close();
});

test('replay: a crash that took a neighbour along → one crash, where it was made', async (t) => {
  const made = await ready({ threads: 1 });
  try {
    const mount = { step: 'mount', attempt: 1 } as const;
    await on(made, [
      { name: 'slow', ...mount, workgroup: 's2', effect: { effect: 'delay', delayMs: 60_000 } },
      { name: 'first', ...mount, workgroup: 's1', effect: { effect: 'delay', delayMs: 500 } },
      { name: 'crash', ...mount, workgroup: 's1', effect: { effect: 'worker-crash' } },
    ]);
    const runId = await run(made);
    const lost = (await entriesOf(made, runId)).filter(
      (entry) =>
        entry.type === 'task-outcome' &&
        entry.faults.some(({ fault }) => fault.code === 'WORKER_LOST'),
    );
    t.is(lost.length, 2, 'both were lost');
    const crashes = (await replayed(made, runId)).filter(
      ({ effect }) => effect.effect === 'worker-crash',
    );
    t.deepEqual(
      crashes.map(({ workgroup }) => workgroup),
      ['s1'],
    );
  } finally {
    await made.close();
  }
});
