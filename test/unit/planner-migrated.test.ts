/** Where a VM is, from what the computes of both sites say of its migrations. */
import test from 'ava';
import { judgeVm } from '../../daemon/planner/migrated.ts';
import type { MigrationArrival } from '../../sdk/plugin/migration.ts';

const arrival = (id: string, execution: MigrationArrival['execution']): MigrationArrival => ({
  startedId: id,
  placeholder: { vmId: 'vm', migrationId: id },
  completedId: id,
  execution,
});

const at = (side: 'a' | 'b') => ({ computeId: `compute-${side}`, siteId: `site-${side}` });

test('it had come here, and has set out since → what had come is not of the newest', (t) => {
  const left = {
    state: 'failed',
    fromComputeId: 'compute-a',
    toComputeId: 'compute-b',
    arrival: arrival('first', 'absent'),
    departure: 'gone',
  } as const;
  const nothing = { ...at('b'), said: { state: 'none' } as const };
  const killed = judgeVm('vm', [{ ...at('a'), said: left }, nothing]);
  t.like(killed, { sourceComputeId: 'compute-a', destinationComputeId: 'compute-b' });
  t.is(killed?.migrationId, undefined);
  t.deepEqual(killed?.facts, { started: false, placeholder: false, completed: false });

  const came = {
    state: 'completed',
    fromComputeId: 'compute-a',
    toComputeId: 'compute-b',
    arrival: arrival('second', 'running'),
  } as const;
  const gone = judgeVm('vm', [
    { ...at('a'), said: left },
    { ...at('b'), said: came },
  ]);
  t.like(gone, { destinationComputeId: 'compute-b', migrationId: 'second' });
});
