/** VMs that are started by hand: before Siteswap has them, and once what they stood on has died. */
import { killArray } from '@siteswap/plugin-qemu/inspect';
import { endVms, startVms } from '@siteswap/plugin-qemu/populate';
import test from 'ava';
import { goesOn, plainSites, statusOf } from '../_support/qemu.ts';

test.serial('an array’s daemon died → its VMs start again by hand, on what is there', async (t) => {
  const { storage, a, vmIds } = await plainSites(t);
  const [id = ''] = vmIds;
  await startVms(a, vmIds);
  await goesOn(a, id);
  await killArray(storage, 'a');
  t.is((await statusOf(a, id)).power, 'on', 'without its disk it stands still');
  await endVms(a.directory);
  t.is((await statusOf(a, id)).power, 'off');
  await startVms(a, vmIds);
  await goesOn(a, id);
  t.is((await statusOf(a, id)).power, 'on');
});
