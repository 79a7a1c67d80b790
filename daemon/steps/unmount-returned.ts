/** Takes the old datastores off the hosts of the site that is back: their bytes are replaced. */
import { unmountStep } from './unmounting.ts';

export const unmountReturned = unmountStep({
  name: 'unmount-returned',
  paths: ['cold'],
  side: 'protected',
});
