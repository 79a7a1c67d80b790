/**
 * Somebody else, who resyncs groups at one array or the other while the person does what the script
 * says: what counts is never overwritten, and the runs beside it end as they would.
 */
import type { Chance } from './chance.ts';
import type { MoverParts } from './mover.ts';

/** Groups by the ids that arrays give them. */
export interface ResyncOrder {
  readonly groups: readonly string[];
  readonly times: number;
}

const requester = 'dora';

/** Until the operation that somebody may have lost sight of has ended too. */
const lookMs = 5_000;

export const drawResyncs = (chance: Chance, groups: number): ResyncOrder => ({
  groups: Array.from({ length: groups }, (_, at) => `cg-${String(at + 1).padStart(4, '0')}`),
  times: chance.between(1, 6),
});

const untilEnded = async (runId: string, { time, ask }: MoverParts): Promise<void> => {
  for (; ; await time.sleep(lookMs)) {
    const view = await ask('looks at the resync', (engine) => engine.getRun(runId, 'basic'), true);
    if (view instanceof Error) continue;
    if (view.status === 'ended') return;
    if (view.status !== 'parked' && view.status !== 'stuck') continue;
    const resume = { requester, decision: 'abandon' as const, policies: {} };
    await ask('abandons the resync', (engine) => engine.resumeRun(runId, resume));
  }
};

/**
 * One after the other, each at its own moment; refused ones are not asked for again. A promoted
 * group is left to its plan, which could not go on with a pair that somebody else has turned.
 */
export const resyncNowAndThen = async (order: ResyncOrder, parts: MoverParts): Promise<void> => {
  const { time, chance, ask } = parts;
  for (let at = 1; at <= order.times; at++) {
    await time.sleep(chance.spread(100, 300_000));
    const arrayId = chance.pick(['lab-a', 'lab-b']);
    const id = chance.pick(order.groups);
    const request = {
      verb: 'resync' as const,
      arrayId,
      targets: [{ id, deviceIds: [] }],
      args: { changes: chance.pick(['keep', 'discard']) },
      requester,
      requestKey: `resync ${at}`,
      initiatorId: '',
    };
    const said = await ask(`resyncs ${id} at ${arrayId}`, async (engine) => {
      const { devices } = await engine.evidence(arrayId, true);
      const inPlan = devices.some((one) => one.groupId === id && one.direction === 'none');
      return inPlan ? undefined : engine.startDeviceRun(request);
    });
    if (!(said instanceof Error) && said !== undefined) await untilEnded(said.runId, parts);
  }
};
