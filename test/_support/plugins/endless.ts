/** The hostile plugin, with a sync of which it says without end that it is still under way. */
import { definePlugin } from '@siteswap/sdk/plugin';
import hostile from './hostile.ts';

const slow = { kind: 'timeout', owner: 'array', message: 'no answer yet' } as const;

export default definePlugin({
  ...hostile,
  name: 'endless',
  verbs: {
    ...hostile.verbs,
    sync: {
      run: ({ targets }) => targets.map(({ id }) => ({ id, fault: slow })),
      settle: ({ targets }) => targets.map(({ id }) => ({ id, verdict: 'running' as const })),
    },
  },
});
