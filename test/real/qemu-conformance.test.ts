/** The qemu plugin under the suite that every plugin must pass: real daemons, real images. */
import { conformance } from '../conformance/_harness.ts';
import { pairFixture } from './_support/qemu-paired.ts';

await conformance({
  fixture: () => pairFixture('@siteswap/plugin-qemu', 'plain'),
  lacks: [
    'a secret in the config',
    'fixture hook part',
    'fixture hook slow',
    'fixture shared',
    'fixture stretched',
    'settle of mount',
    'settle of unmount',
  ],
});
