/** The daemon dies while a run is being rolled back: everything is as before nevertheless. */
import test from 'ava';
import {
  Mode,
  PolicyActionType,
  Reach,
  RunEventType,
  RunResult,
  TaskDirection,
} from '../../sdk/client/index.ts';
import { killWhen } from '../_support/crash.ts';
import {
  countVms,
  placesOf,
  repeatedTasks,
  rolesOf,
  startOnFiles,
  unharmed,
  vmIds,
} from '../_support/daemon.ts';

const noRoom = {
  name: 'no-room',
  step: 'register',
  direction: 'run',
  effect: { effect: 'error', fault: { kind: 'refused', message: 'no room for another VM' } },
};
const rollback = { otherwise: { type: PolicyActionType.ROLLBACK, reach: Reach.RUN } };

const moments = [
  { type: RunEventType.TASK_STARTED, step: 'promote-target', when: 'as a promotion is undone' },
  { type: RunEventType.TASK_OUTCOME, step: 'demote-source', when: 'when a demotion is undone' },
  { type: RunEventType.TASK_STARTED, step: 'shut-down', when: 'as VMs are powered on again' },
];

for (const { type, step, when } of moments) {
  test.serial(`crash: in a rollback, ${when} → roles, registrations, VMs as before`, async (t) => {
    const { daemon, sites } = await startOnFiles(t, { injections: [noRoom] });
    const roles = [await rolesOf(sites, 'a'), await rolesOf(sites, 'b')];
    const { runId } = await daemon.client.runs.start({
      planId: 'move',
      mode: Mode.PLANNED,
      requester: 'ann',
      policies: { register: rollback },
    });
    const { run, events } = await killWhen(
      daemon,
      runId,
      (event) =>
        event.type === type && event.step === step && event.direction === TaskDirection.UNDO,
    );
    t.is(run.result, RunResult.ROLLED_BACK);
    t.deepEqual(repeatedTasks(events), []);
    t.deepEqual([await rolesOf(sites, 'a'), await rolesOf(sites, 'b')], roles);
    t.deepEqual(await placesOf(sites, 'a'), { running: [...vmIds], registered: [...vmIds] });
    t.deepEqual(await placesOf(sites, 'b'), { running: [], registered: [] });
    t.deepEqual(await countVms(sites, 'a'), unharmed(2));
  });
}
