/** Steps that take VMs away: what is not there is gone, if a second look says so too. */
import test from 'ava';
import { fault } from '../../sdk/plugin/fault.ts';
import { callOf, failing, statusOf, vmItem, vmStep } from '../_support/remote.ts';

const instance = 'test' as const;

const cases = [
  ['power-off-test', 'powerOff', { power: 'off', registered: false }],
  ['unregister-test', 'unregister', { power: 'off', registered: false }],
  ['power-off-returned', 'powerOff', { power: 'off', registered: true }],
] as const;

for (const [name, verb, gone] of cases) {
  test(`${name}: not there, and the second look says so → done, without a third call`, async (t) => {
    for (const vmStatus of [failing('missing'), statusOf(gone)]) {
      const step = vmStep(name);
      const script = {
        [verb]: (id: string) => (id === 'b' ? failing('missing')(id) : { id, ok: true as const }),
        vmStatus,
      };
      const { far, call } = callOf(step, [vmItem('a'), vmItem('b')], script, { instance });
      t.deepEqual(await step.run(call), [
        { id: 'a', ok: true },
        { id: 'b', ok: true },
      ]);
      t.deepEqual(far.verbs(), [verb, 'vmStatus']);
      t.like(far.calls[1], { ids: ['b'], targets: [{ id: 'b', instance }] });
    }
  });

  test(`${name}: not there, but seen running, or nobody can tell → the fault stays`, async (t) => {
    const looks = [statusOf({ power: 'on' }), failing('unreachable'), failing('unsupported')];
    for (const vmStatus of looks) {
      const step = vmStep(name);
      const script = { [verb]: failing('missing'), vmStatus };
      const { call } = callOf(step, [vmItem('a')], script, { instance });
      t.like((await step.run(call))[0], { id: 'a', fault: { kind: 'missing' } });
    }
  });

  test(`${name}: missing by anybody's word but the remote's → the fault stays`, async (t) => {
    const step = vmStep(name);
    const lost = (id: string) => ({
      id,
      fault: fault('missing', 'no such remote', { owner: 'engine' }),
    });
    const { far, call } = callOf(
      step,
      [vmItem('a')],
      { [verb]: lost, vmStatus: lost },
      { instance },
    );
    t.like((await step.run(call))[0], { id: 'a', fault: { owner: 'engine' } });
    t.deepEqual(far.verbs(), [verb]);
  });
}

test('unregister-test: missing, but seen registered → the fault stays', async (t) => {
  const step = vmStep('unregister-test');
  const script = { unregister: failing('missing'), vmStatus: statusOf({ power: 'off' }) };
  const { call } = callOf(step, [vmItem('a')], script, { instance });
  t.like((await step.run(call))[0], { id: 'a', fault: { kind: 'missing' } });
});
