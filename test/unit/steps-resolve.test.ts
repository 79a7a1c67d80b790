/** Which copy of a VM the recovery side registers, and when it has to be told. */
import test from 'ava';
import type { FoundInstance } from '../../sdk/plugin/model.ts';
import { callOf, vmItem, vmStep } from '../_support/remote.ts';

const step = vmStep('resolve-instances');

const toldFrom = async (...found: readonly FoundInstance[]) => {
  const { far, call } = callOf(step, [vmItem('vm')], {
    findInstances: (id) => ({ id, value: found }),
  });
  await step.run(call);
  return far.calls.filter(({ verb }) => verb === 'chooseInstance').map(({ targets }) => targets[0]);
};

const plain: FoundInstance = { datastoreId: 'ds', disks: ['disk-0'] };

test('resolve-instances: one copy where it was expected → nobody is told', async (t) => {
  t.deepEqual(await toldFrom(plain), []);
  t.deepEqual(await toldFrom({ ...plain, chosen: true }), []);
});

test('resolve-instances: a compute that remembers another copy → it is told of this one', async (t) => {
  const told = { id: 'vm', instance: 'production', datastoreIds: ['ds'] };
  t.deepEqual(await toldFrom({ ...plain, chosen: false }), [told]);
});

test('resolve-instances: one copy elsewhere than expected → the compute is told', async (t) => {
  const told = { id: 'vm', instance: 'production', datastoreIds: ['other'] };
  t.deepEqual(await toldFrom({ ...plain, datastoreId: 'other' }), [told]);
});
