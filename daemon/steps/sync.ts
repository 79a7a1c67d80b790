/** Brings the copies close to the originals while the VMs still run, so that the stop is short. */
import { syncStep } from './syncing.ts';

export const sync = syncStep('sync', 'protected');
