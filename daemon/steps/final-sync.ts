/**
 * Copies the last bytes: the VMs are off, so what arrives now is all there is. Nothing is promoted
 * before it is proven that they have arrived: the array's clock is read once all VMs have stopped,
 * and the point that is reached must not be older.
 */
import { findUnlessOver } from './handed-over.ts';
import { lookBeforeSync, proveSync } from './proof.ts';
import type { StorageStep } from './step.ts';
import { syncStep } from './syncing.ts';

export const finalSync = {
  ...syncStep('final-sync', 'protected'),
  helpers: ['syncStatus'],
  calls: { before: ['syncStatus'], run: ['sync', 'syncStatus'], settle: ['sync', 'syncStatus'] },
  before: findUnlessOver(lookBeforeSync),
  prove: proveSync,
} as const satisfies StorageStep;
