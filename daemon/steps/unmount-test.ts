/** Takes the test copies' datastores off the recovery site's hosts. */
import { unmountStep } from './unmounting.ts';

export const unmountTest = unmountStep({ name: 'unmount-test', side: 'recovery' });
