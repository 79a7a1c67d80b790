/**
 * The qemu plugin behind `present: shared-as-stretched`, under the suite that every plugin must
 * pass: its claims about stretched devices, unchanged, on what a daemon makes of a shared one.
 */
import { join } from 'node:path';
import plugin from '@siteswap/plugin-qemu';
import test from 'ava';
import { faultOrUnknown } from '../../plugins/qemu/faults.ts';
import { migrateLive } from '../../plugins/qemu/migrate.ts';
import { powerOn } from '../../plugins/qemu/power.ts';
import type { PluginDefinition } from '../../sdk/plugin/index.ts';
import { presented } from '../_support/presented-plugin.ts';
import { callWith, goesOn, plainSites, startArray, statusOf, vmOf } from '../_support/qemu.ts';
import { conformance } from '../conformance/_harness.ts';
import { sharedFixture } from './_support/qemu-shared.ts';

const shown = presented(plugin as unknown as PluginDefinition, [
  { id: 'a', siteId: 'site-a', present: { as: 'shared-as-stretched', peerArrayId: 'b' } },
  { id: 'b', siteId: 'site-b' },
]);

await conformance({
  fixture: () => sharedFixture(shown, 'stretched'),
  lacks: [
    'a secret in the config',
    'fixture groups',
    'fixture hook part',
    'fixture hook slow',
    'fixture large group',
    'fixture move',
    'fixture shared',
    'fixture two groups',
    'settle of mount',
    'settle of unmount',
  ],
});

test.serial(
  'live migration: a VM on a plain pair → conflict, and goes on where it was in its boot',
  async (t) => {
    const sites = await plainSites(t);
    const [id = ''] = sites.vmIds;
    await powerOn(sites.a, callWith(), vmOf(id));
    await goesOn(sites.a, id);
    const { bootId } = await statusOf(sites.a, id);
    await startArray(join(sites.root, 'other'), 'b');
    const error = await t.throwsAsync(migrateLive(sites.a, callWith(), vmOf(id), 'compute-b'));
    t.is(faultOrUnknown(error).kind, 'conflict');
    await goesOn(sites.a, id);
    t.is((await statusOf(sites.a, id)).bootId, bootId);
    t.not((await statusOf(sites.b, id)).power, 'on');
  },
);
