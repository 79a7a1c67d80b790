/** Defects that only show where several members share a database. */
import type { Mutant } from '../mutants.ts';

export const mutantsOfMembers: readonly Mutant[] = [
  {
    defect: 'a member dispatches whether or not its lease holds',
    members: 3,
    patches: [
      {
        module: 'daemon/runner/licensed',
        find: '(this.#lease.licensed && this.#isOurs(job))',
        put: 'true',
      },
    ],
    caughtBy: 'only-owners-dispatch',
  },
  {
    defect: 'a member relies on its lease for longer than the others wait',
    members: 3,
    patches: [
      {
        module: 'daemon/cluster/lease',
        find: 'this.#untilMs = sentMs + leaseMs - leaseMarginMs',
        put: 'this.#untilMs = clock.now() + 3 * leaseMs',
      },
    ],
    caughtBy: 'only-owners-dispatch',
  },
  {
    defect: 'calls do not say under which epoch they are made',
    members: 3,
    patches: [
      {
        module: 'daemon/gateway/gateway',
        find: 'attempt, epoch, signal, deadlineMs }',
        put: 'attempt, epoch: 1, signal, deadlineMs }',
      },
    ],
    caughtBy: 'parked-is-at-rest',
  },
  {
    defect: 'a run is handed over with an intent on its way to the journal',
    members: 3,
    patches: [
      {
        module: 'daemon/runner/agent',
        find: '(this.#turning || this.#inFlight.size > 0 ||',
        put: '(this.#inFlight.size > 0 ||',
      },
    ],
    caughtBy: 'handed-over-at-rest',
    shownBy: 30,
  },
  {
    defect: 'intents that were not durable when their run was taken away keep their slots',
    members: 3,
    patches: [{ module: 'daemon/runner/agent', find: 'slots.close();', put: '' }],
    caughtBy: 'all-comes-to-an-end',
    shownBy: 1162,
  },
  {
    defect: 'what others have appended meanwhile is not asked about',
    members: 3,
    patches: [{ module: 'daemon/runner/catalog', find: 'if (!still())', put: 'if (false)' }],
    caughtBy: 'one-run-per-request',
  },
];
