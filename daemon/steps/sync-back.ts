/** Fills the old source from the new one: from here the plan is protected the other way round. */
import { syncStep } from './syncing.ts';

export const syncBack = syncStep('sync-back', 'recovery');
