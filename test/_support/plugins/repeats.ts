/** The hostile plugin, with a sync that is settled by doing it again. */
import { definePlugin } from '@siteswap/sdk/plugin';
import hostile from './hostile.ts';

const { sync } = hostile.verbs;

export default definePlugin({
  ...hostile,
  name: 'repeats',
  verbs: {
    ...hostile.verbs,
    ...(typeof sync === 'function' && { sync: { repeatable: true as const, run: sync } }),
  },
});
