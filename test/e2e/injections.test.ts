import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { CallError, connect, ItemOutcome } from '../../sdk/client/index.ts';
import { cliOnLab, injectorToken, plan } from '../_support/cli-on-lab.ts';

const scenario = `name: a lost reply
about: the array promotes, and nobody hears of it
seed: 7
rules:
  - name: reply lost at the promote
    step: power-on
    nth: 1
    effect: { effect: error, after: true, fault: { kind: timeout, code: E1 } }
  - name: slow wire
    remote: lab-b
    toxic: { toxic: latency, latencyMs: 5 }
  - name: never
    mode: disaster
    effect: { effect: hang }
`;

const withToken = async <T>(token: string | undefined, body: () => Promise<T>): Promise<T> => {
  if (token === undefined) delete process.env.SITESWAP_INJECTOR_TOKEN;
  else process.env.SITESWAP_INJECTOR_TOKEN = token;
  try {
    return await body();
  } finally {
    delete process.env.SITESWAP_INJECTOR_TOKEN;
  }
};

test.serial('cli: without the role → refused by name; status needs none', async (t) => {
  const { type } = await cliOnLab(t);
  const refused = await type('inject', 'on', '--reason', 'x');
  t.is(refused.exit, 5);
  t.regex(refused.err, /ROLE_MISSING/);
  const wrong = await withToken('wrong', () => type('inject', 'off'));
  t.regex(wrong.err, /not the token/);
  // There is a token: that nobody had the role would be wrong.
  t.notRegex(wrong.err, /nobody has/);
  t.regex((await type('inject', 'status')).out, /injections are off/);
});

test.serial('cli: add, on, a run under it, off, export → loud while it is on', async (t) => {
  const { type, write, engine } = await cliOnLab(t);
  await type('plan', 'apply', await write('shop.yaml', plan));
  await withToken(injectorToken, async () => {
    const file = await write('scenario.yaml', scenario);
    t.is((await type('inject', 'add', file)).exit, 0);
    const on = await type('inject', 'on', '--reason', 'a test', '--seed', '7');
    t.regex(on.out, /INJECTIONS ARE ON by ann \(a test\)/);
    const run = await type('run', 'shop', '--mode', 'planned');
    t.regex(run.err, /INJECTIONS ARE ON/);
    const status = await type('inject', 'status');
    t.regex(status.out, /reply lost at the promote +\d+ +1 +1/);
    t.regex(status.out, /never .*it has matched nothing so far/);
    const out = await write('out.yaml', '');
    t.is((await type('inject', 'export', '--out', out)).exit, 0);
    const again = await readFile(out, 'utf8');
    t.is((await type('inject', 'add', out)).exit, 0);
    t.regex(again, /toxic: latency/);
    t.is((await type('inject', 'off')).exit, 0);
    t.false(engine.injections.on);
    const [{ runId = '' } = {}] = engine.listRuns({ openOnly: false });
    const report = await type('report', runId);
    t.regex(report.out, /reply lost at the promote/);
    const replay = await type('inject', 'replay', runId);
    t.regex(replay.out, /step: power-on/);
    t.regex(replay.err, /approximate/);
    t.is((await type('inject', 'remove', '--all')).exit, 0);
    t.deepEqual(engine.injections.rules(), []);
  });
});

test.serial('cli: gameday → the fault, the reaction, the times; nothing is left on', async (t) => {
  const { type, write, engine, client } = await cliOnLab(t);
  await type('plan', 'apply', await write('shop.yaml', plan));
  await type('run', 'shop', '--mode', 'test');
  await type('run', 'shop', '--mode', 'cleanup');
  await withToken(injectorToken, async () => {
    const file = await write(
      'refused.yaml',
      'name: refused\nrules:\n  - name: no power\n    step: power-on\n    nth: 1\n' +
        '    effect: { effect: error, fault: { kind: refused, code: NO_POWER } }\n',
    );
    const day = await type('gameday', 'shop', '--scenario', file);
    t.is(day.exit, 1, day.err);
    t.regex(day.out, /power-on .*refused \[NO_POWER\] +stop/);
    t.regex(day.out, /time to recover: .*without injections/);
    t.regex(day.out, /^test run \S+: parked$/m);
    t.regex(day.out, /^cleanup run \S+: succeeded$/m);
    const [, test] = engine.listRuns({ openOnly: false });
    const { items } = await client.runs.report(test?.runId ?? '');
    const left = items.filter(({ outcome }) => outcome !== ItemOutcome.DONE).length;
    t.true(left > 1);
    t.regex(day.out, new RegExp(`^${left} of ${items.length} items would not have come up$`, 'm'));
    t.false(engine.injections.on);
    t.deepEqual(engine.injections.rules(), []);
    t.is(engine.getPlan('shop').state, 'ready');
  });
});

test.serial(
  'cli: rules for what the daemon does not have → at their lines, by their keys',
  async (t) => {
    const { type, write } = await cliOnLab(t);
    await withToken(injectorToken, async () => {
      const file = await write(
        'nowhere.yaml',
        'name: x\nrules:\n  - name: a\n    remote: lab-c\n    step: mout\n    effect: { effect: hang }\n',
      );
      const { exit, err } = await type('inject', 'add', file);
      t.is(exit, 2);
      t.regex(err, /nowhere\.yaml:4:13: rules\[0\]\.remote: there is no "lab-c"/);
      t.regex(err, /nowhere\.yaml:5:11: rules\[0\]\.step: there is no "mout"/);
    });
  },
);

test.serial('cli: gameday with rules that cannot be → at their lines, nothing begun', async (t) => {
  const { type, write, engine } = await cliOnLab(t);
  await type('plan', 'apply', await write('shop.yaml', plan));
  await withToken(injectorToken, async () => {
    const file = await write(
      'day.yaml',
      'name: x\nrules:\n  - name: a\n    remote: lab-c\n    step: mout\n    effect: { effect: hang }\n',
    );
    const { exit, err } = await type('gameday', 'shop', '--scenario', file);
    t.is(exit, 2);
    t.regex(err, /day\.yaml:4:13: rules\[0\]\.remote: there is no "lab-c"/);
    t.regex(err, /day\.yaml:5:11: rules\[0\]\.step: there is no "mout": did you mean "mount"/);
    // What the plan lacks is no matter of the scenario's lines.
    const good = await write(
      'good.yaml',
      'name: x\nrules: [{ name: a, effect: { effect: hang } }]',
    );
    const nowhere = await type('gameday', 'shap', '--scenario', good);
    t.is(nowhere.exit, 3);
    t.notRegex(nowhere.err, /good\.yaml/);
    t.false(engine.injections.on);
    t.deepEqual(engine.injections.rules(), []);
    t.deepEqual(engine.listRuns({ openOnly: false }), []);
  });
});

test.serial('cli: gameday where injections are on, or rules are there → refused', async (t) => {
  const { type, write, engine } = await cliOnLab(t);
  await type('plan', 'apply', await write('shop.yaml', plan));
  await withToken(injectorToken, async () => {
    const file = await write(
      'hang.yaml',
      'name: x\nrules: [{ name: a, effect: { effect: hang } }]',
    );
    await type('inject', 'add', file);
    const ruled = await type('gameday', 'shop', '--scenario', file);
    t.is(ruled.exit, 5);
    t.regex(ruled.err, /INJECTIONS_IN_USE/);
    await type('inject', 'remove', '--all');
    await type('inject', 'on', '--reason', 'mine');
    const on = await type('gameday', 'shop', '--scenario', file);
    t.regex(on.err, /are on already, by ann/);
    t.true(engine.injections.on);
    t.deepEqual(engine.listRuns({ openOnly: false }), []);
  });
});

test.serial('cli: a token that no call can carry → exit 2, and it is not told', async (t) => {
  const { type } = await cliOnLab(t);
  for (const token of ['hush\nhush-hush-hush', 'hüsch-hush-hush-hush']) {
    const { exit, out, err } = await withToken(token, () => type('inject', 'status'));
    t.is(exit, 2);
    t.notRegex(out + err, /hush/);
    t.regex(err, /characters that a call cannot carry/);
  }
});

test.serial(
  'cli: who adds a rule is not who switched on; a seed is told where it counts',
  async (t) => {
    const { type, write } = await cliOnLab(t);
    await withToken(injectorToken, async () => {
      await type('inject', 'on', '--reason', 'mine');
      const rule = '{ name: a, probability: 0.5, effect: { effect: hang } }';
      const file = await write('half.yaml', `name: x\nseed: 7\nrules: [${rule}]`);
      const added = await type('inject', 'add', file, '--as', 'bob');
      t.regex(added.out, /ARE ON by ann \(mine\)/);
      t.regex(added.err, /inject on --seed 7/);
      t.is((await type('inject', 'on', '--reason', 'x', '--seed', '4294967296')).exit, 2);
      t.is((await type('inject', 'on', '--reason', 'x', '--minutes', '999999999')).exit, 2);
    });
  },
);

test.serial('cli: a scenario with mistakes → every one at its line', async (t) => {
  const { type, write } = await cliOnLab(t);
  const file = await write(
    'wrong.yaml',
    'name: x\nrules:\n  - { name: a, effect: { effect: hag } }\n',
  );
  const { exit, err } = await type('inject', 'add', file);
  t.is(exit, 2);
  t.regex(err, /wrong\.yaml:3/);
});

test.serial('client: a rule that cannot be is refused with its path', async (t) => {
  const { engine, address } = await cliOnLab(t);
  const client = connect(address, { injectorToken });
  t.teardown(() => client.close());
  const rules = [{ name: 'a', remoteId: 'nowhere', effect: {} }];
  const error = await t.throwsAsync(client.injections.add({ requester: 'me', rules }), {
    instanceOf: CallError,
  });
  t.is(error?.reason, 'INVALID_REQUEST');
  t.regex(error?.violations[0]?.field ?? '', /^rules\[0\]\.effect/);
  t.deepEqual(engine.injections.rules(), []);
});

for (const step of ['test-copy', 'mount', 'register']) {
  test.serial(
    `cli: a test refused at ${step} → its cleanup takes away what is there`,
    async (t) => {
      const { type, write, engine } = await cliOnLab(t);
      await type('plan', 'apply', await write('shop.yaml', plan));
      await withToken(injectorToken, async () => {
        const rule = `{ name: no, step: ${step}, mode: test, effect: { effect: refuse } }`;
        const file = await write('no.yaml', `name: no\nrules:\n  - ${rule}\n`);
        await type('inject', 'add', file);
        await type('inject', 'on', '--reason', 'a test');
        t.is((await type('run', 'shop', '--mode', 'test')).exit, 1);
        await type('inject', 'off');
      });
      const [{ runId = '' } = {}] = engine.listRuns({ openOnly: true });
      await type('resume', runId, '--decision', 'abandon');
      const cleanup = await type('run', 'shop', '--mode', 'cleanup');
      t.is(cleanup.exit, 0, cleanup.out);
      t.is(engine.getPlan('shop').state, 'ready');
      t.is((await type('run', 'shop', '--mode', 'test')).exit, 0);
    },
  );
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test.serial(`cli: gameday ended by ${signal} → injections off, and what is left`, async (t) => {
    const { type, write, engine } = await cliOnLab(t);
    await type('plan', 'apply', await write('shop.yaml', plan));
    await withToken(injectorToken, async () => {
      const rule = '{ name: slow, step: power-on, effect: { effect: delay, delayMs: 1500 } }';
      const file = await write('slow.yaml', `name: slow\nrules:\n  - ${rule}\n`);
      const playing = type('gameday', 'shop', '--scenario', file);
      while (engine.listRuns({ openOnly: true }).length === 0) await delay(5);
      process.emit(signal, signal);
      const { exit, err } = await playing;
      t.is(exit, 130, err);
      t.false(engine.injections.on);
      t.deepEqual(engine.injections.rules(), []);
      const [{ runId = '' } = {}, ...others] = engine.listRuns({ openOnly: false });
      t.deepEqual(others, []);
      t.true(err.includes(`test run ${runId} is left`), err);
      t.regex(err, /siteswap run shop --mode cleanup/);
    });
  });
}
