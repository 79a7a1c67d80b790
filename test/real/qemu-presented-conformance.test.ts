/**
 * The qemu plugin behind `present: pair-as-stretched`, under the suite that every plugin must pass:
 * its claims about storage, unchanged, with every pair known by its first id alone. Those about
 * stretched devices are not for it: one end serves, and the other only receives.
 */
import plugin from '@siteswap/plugin-qemu';
import type { PluginDefinition } from '../../sdk/plugin/index.ts';
import { presented } from '../_support/presented-plugin.ts';
import { conformance } from '../conformance/_harness.ts';
import { pairFixture } from './_support/qemu-paired.ts';

const shown = presented(plugin as unknown as PluginDefinition, [
  { id: 'a', siteId: 'site-a', present: { as: 'pair-as-stretched', peerArrayId: 'b' } },
  { id: 'b', siteId: 'site-b' },
]);

await conformance({
  fixture: () => pairFixture(shown, 'stretched'),
  lacks: [
    'a secret in the config',
    'fixture computes',
    'fixture datastores',
    'fixture hook part',
    'fixture hook slow',
    'fixture move',
    'fixture shared',
    'fixture stretched',
    'fixture vms',
    'settle of mount',
    'settle of unmount',
  ],
});
