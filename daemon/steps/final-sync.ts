/** Copies the last bytes: the VMs are off, so what arrives now is all there is. */
import { syncStep } from './syncing.ts';

export const finalSync = syncStep('final-sync', 'protected');
