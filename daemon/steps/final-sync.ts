/**
 * Copies the last bytes: the VMs are off, so what arrives now is all there is. Nothing is promoted
 * before it is proven that they have arrived.
 */
import { proveSync } from './proof.ts';
import type { StorageStep } from './step.ts';
import { syncStep } from './syncing.ts';

export const finalSync = {
  ...syncStep('final-sync', 'protected'),
  helpers: ['syncStatus'],
  prove: proveSync,
} as const satisfies StorageStep;
