/**
 * A seat that waits: a pair that serves two sites is mounted at both, and has its bytes where its
 * role is. Who looks for the copies of other VMs there passes it by.
 */
import test from 'ava';
import { readCompute } from '../../plugins/qemu/compute.ts';
import { faultOrUnknown } from '../../plugins/qemu/faults.ts';
import { findInstances } from '../../plugins/qemu/instances.ts';
import { describe } from '../../plugins/qemu/machines.ts';
import { mountVerbs } from '../../plugins/qemu/mounts.ts';
import { callWith, never, vmOf } from '../_support/qemu.ts';
import { doAt, metroSites } from '../_support/qemu-metro.ts';

test.serial('a datastore waits for its role → the copies of other VMs are found', async (t) => {
  const sites = await metroSites(t, { devices: 2 });
  const { b: session } = sites;
  const [waiting = '', served = ''] = sites.vmIds;
  const targets = ['ds-d1', 'ds-d2'].map((id) => ({ id, instance: 'production' as const }));
  await doAt(sites, 'b', 'setSitePreference', { siteId: 'site-b' }, 'g-d2');
  await mountVerbs.mount.run({ ...callWith(), session, attempt: 1, targets, args: {} } as never);

  const look = async (id: string, datastoreIds?: string[]) => {
    const target = { ...vmOf(id), ...(datastoreIds && { datastoreIds }) };
    const asked = { signal: never, digests: false };
    return findInstances(session, await readCompute(session), target, asked);
  };
  const [copy, ...more] = await look(served);
  t.like(copy, { datastoreId: 'ds-d2', disks: ['disk-0'] });
  t.deepEqual(more, []);
  t.deepEqual((await describe(session, vmOf(served), never)).datastoreIds, ['ds-d2']);

  const unknown = faultOrUnknown(await t.throwsAsync(look(waiting)));
  t.is(unknown.kind, 'missing', unknown.message);
  const told = faultOrUnknown(await t.throwsAsync(look(waiting, ['ds-d1'])));
  t.is(told.kind, 'conflict', 'the VM that is on it is told why');
});
