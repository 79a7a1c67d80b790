/** Switching injections from the command line: by two people, and while calls are under way. */
import test from 'ava';
import { CallError, connect, InjectionEffectType } from '../../sdk/client/index.ts';
import { cliOnLab, injectorToken, plan } from '../_support/cli-on-lab.ts';

const withRole = async <T>(body: () => Promise<T>): Promise<T> => {
  process.env.SITESWAP_INJECTOR_TOKEN = injectorToken;
  try {
    return await body();
  } finally {
    delete process.env.SITESWAP_INJECTOR_TOKEN;
  }
};

test.serial(
  'cli: on by another, without an end → it stays, and who was replaced is told',
  async (t) => {
    const { type } = await cliOnLab(t);
    await withRole(async () => {
      const first = await type('inject', 'on', '--reason', 'game day', '--minutes', '1');
      t.notRegex(first.err, /already/);
      const second = await type('inject', 'on', '--reason', 'mine', '--as', 'bob');
      t.regex(second.out, /ON by bob \(mine\), .*, until \d{4}-/);
      t.regex(
        second.err,
        /on already, by ann \(game day\), until .*, seed 1: yours is in its place/,
      );
      t.regex(second.err, /their end stays as it was; --minutes sets another/);
      const third = await type('inject', 'on', '--reason', 'longer', '--minutes', '9');
      t.regex(third.err, /on already, by bob \(mine\)/);
      t.notRegex(third.err, /their end stays/);
      await type('inject', 'off', '--reason', 'enough');
      t.regex(
        (await type('inject', 'status')).out,
        /injections are off by ann \(enough\), 0 s ago/,
      );
    });
  },
);

test.serial(
  'off while a call hangs → says that they are off, what is left, and the way on',
  async (t) => {
    const { type, write, engine, address } = await cliOnLab(t);
    await type('plan', 'apply', await write('shop.yaml', plan));
    await withRole(async () => {
      const rule = '{ name: slow, step: mount, nth: 1, effect: { effect: delay, delayMs: 8000 } }';
      await type('inject', 'add', await write('slow.yaml', `name: x\nrules: [${rule}]`));
      await type('inject', 'on', '--reason', 'x');
      const run = type('run', 'shop', '--mode', 'test');
      while (engine.injections.status().carrying === 0) await new Promise(setImmediate);
      const off = await type('inject', 'off', '--wait', '0');
      t.is(off.exit, 4);
      t.regex(
        off.err,
        /are off and nothing new is drawn, but after 1 s 1 call under way still carr/,
      );
      t.regex(off.err, /next +`siteswap inject off` again waits on/);
      t.notRegex(off.err, /request key/);
      const status = await type('inject', 'status');
      t.regex(status.out, /are off by ann, .*; draining: 1 call under way still carries a draw/);
      t.regex(status.out, /slow +\d +1 +1 +step mount, nth 1: delay delayMs 8000/);
      const client = connect(address, { injectorToken });
      t.teardown(() => client.close());
      const late = client.injections.disable({ requester: 'me' }, { deadlineMs: 200 });
      const error = await t.throwsAsync(late, { instanceOf: CallError });
      t.is(error?.reason, 'DEADLINE');
      t.regex(error?.hint ?? '', /Call it again: it waits on/);
      t.is((await type('inject', 'off')).exit, 0);
      await run;
    });
  },
);

test.serial('refusals → told once, with what helps', async (t) => {
  const { type, write, address } = await cliOnLab(t);
  const file = await write(
    'a.yaml',
    'name: x\nrules: [{ name: a, step: mout, effect: { effect: hang } }]',
  );
  const without = await type('inject', 'add', file);
  t.regex(without.err, /ROLE_MISSING/);
  t.regex(without.err, /next .*SITESWAP_INJECTOR_TOKEN/);
  await withRole(async () => {
    const refused = await type('inject', 'add', file);
    t.regex(refused.err, /the daemon does not take .*a\.yaml\n/);
    t.is(refused.err.split('there is no "mout"').length, 2, refused.err);
    const unknown = await type('inject', 'remove', 'nonesuch');
    t.regex(unknown.err, /next +Correct the name: `siteswap inject status` has those of all rules/);
    const secret = await type('inject', 'on', '--reason', '');
    t.is(secret.err.split('is missing').length, 2, secret.err);
  });
  const client = connect(address, { injectorToken });
  t.teardown(() => client.close());
  const effect = { type: InjectionEffectType.HANG };
  const rules = [{ name: 'a', mode: 'MODE_TST' as never, effect }];
  const error = await t.throwsAsync(client.injections.add({ requester: 'me', rules }), {
    instanceOf: CallError,
  });
  const [violation] = error?.violations ?? [];
  t.is(violation?.field, 'rules[0].mode');
  t.regex(violation?.message ?? '', /^found "unrecognized": expected one of test, cleanup/);
});

for (const [rule, drawn] of [
  ['toxic: { toxic: down }', false],
  ['toxic: { toxic: down }, toxicity: 0.5', true],
  ['toxic: { toxic: latency, latencyMs: 5 }', false],
  ['toxic: { toxic: latency, latencyMs: 5, jitterMs: 1 }', true],
  ['probability: 1, effect: { effect: hang }', false],
  ['effect: { effect: delay, delayMs: 5 }', false],
  ['effect: { effect: delay, delayMs: 5, distribution: exponential }', true],
] as const) {
  test.serial(`cli: a file with a seed and ${rule} → by chance: ${drawn}`, async (t) => {
    const { type, write } = await cliOnLab(t);
    await withRole(async () => {
      const file = await write('s.yaml', `name: x\nseed: 7\nrules: [{ name: a, ${rule} }]`);
      const added = await type('inject', 'add', file);
      t.is(added.exit, 0);
      t.is(/inject on --seed 7/.test(added.err), drawn);
    });
  });
}
