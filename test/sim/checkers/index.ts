/** Every checker by the name under which it accuses. */
import { apiEqualsLab } from './api-equals-lab.ts';
import { calmSucceeds } from './calm.ts';
import type { Checker } from './checker.ts';
import { runAgainConverges } from './converges.ts';
import { dependenciesFirst } from './dependencies.ts';
import { doneOnce } from './done-once.ts';
import { noGapInEvents } from './events.ts';
import { everyVmOnceOrReported } from './every-vm.ts';
import { noWriterAtFinalSync } from './final-sync.ts';
import { handedOverAtRest } from './handed-over.ts';
import { noHeartbeatLost } from './heartbeats.ts';
import { intentsFirst } from './intents.ts';
import { notBuiltUpon } from './late-effects.ts';
import { noCallToLostSite } from './lost-sites.ts';
import { migratedIsMigrated } from './migrated.ts';
import { noDefect } from './no-defect.ts';
import { nothingStartsThere } from './nothing-starts.ts';
import { oneRunPerRequest } from './one-run.ts';
import { oneSource } from './one-source.ts';
import { ownersDispatch } from './owners.ts';
import { parkedIsAtRest } from './parked.ts';
import { preferenceFirst } from './preference.ts';
import { returningWriterFails } from './returning-writers.ts';
import { rightCopy } from './right-copy.ts';
import { rollbackRestores } from './rollback.ts';
import { noOperationTwice } from './twice.ts';
import { neverTwoWriters } from './two-writers.ts';

export const checkers = {
  'no-defect': noDefect,
  'never-two-writers': neverTwoWriters,
  'no-heartbeat-lost': noHeartbeatLost,
  'intent-before-call': intentsFirst,
  'done-once': doneOnce,
  'no-operation-twice': noOperationTwice,
  'dependencies-first': dependenciesFirst,
  'no-call-to-lost-site': noCallToLostSite,
  'no-writer-at-final-sync': noWriterAtFinalSync,
  'preference-first': preferenceFirst,
  'one-source': oneSource,
  'returning-writer-fails': returningWriterFails,
  'nothing-starts-there': nothingStartsThere,
  'every-vm-once-or-reported': everyVmOnceOrReported,
  'parked-is-at-rest': parkedIsAtRest,
  'not-built-upon': notBuiltUpon,
  'rollback-restores': rollbackRestores,
  'api-equals-lab': apiEqualsLab,
  'run-again-converges': runAgainConverges,
  'one-run-per-request': oneRunPerRequest,
  'only-owners-dispatch': ownersDispatch,
  'handed-over-at-rest': handedOverAtRest,
  'no-gap-in-events': noGapInEvents,
  'right-copy': rightCopy,
  'migrated-is-migrated': migratedIsMigrated,
  'calm-succeeds': calmSucceeds,
} satisfies Record<string, Checker>;

export type CheckerName = keyof typeof checkers | 'all-comes-to-an-end';
