/** A device that two sites share, as the qemu plugin tells of it: the suite's claims about such. */
import { conformance } from '../conformance/_harness.ts';
import { sharedFixture } from './_support/qemu-shared.ts';

await conformance({
  fixture: () => sharedFixture('@siteswap/plugin-qemu', 'shared'),
  lacks: [
    'a secret in the config',
    'fixture groups',
    'fixture hook part',
    'fixture hook slow',
    'fixture large group',
    'fixture move',
    'fixture stretched',
    'fixture two groups',
    'settle of mount',
    'settle of unmount',
  ],
});
