/** What a run that takes VMs over live has told, event by event. */
import { RunDetail, RunEventType, type SiteswapClient } from '../../sdk/client/index.ts';

/** Of a plan with a protection group for each device. */
export interface Followed {
  /** Protection groups whose device prefers the other site now. */
  readonly switched: ReadonlySet<string>;
  /** Each VM's workgroup whose migration began ahead of the switch of its device's preference. */
  readonly early: readonly string[];
  /** How long each guest stood still, in ms. */
  readonly gaps: readonly number[];
}

export const followed = async (client: SiteswapClient, runId: string): Promise<Followed> => {
  // A protection group is one device: its name ties a device's workgroup to those of its VMs.
  const { workgroups } = await client.runs.get(runId, { detail: RunDetail.FULL });
  const groupOf = new Map(workgroups.map((one) => [one.id, one.protectionGroupId]));
  const switched = new Set<string>();
  const [early, gaps]: [string[], number[]] = [[], []];
  for await (const { type, step, workgroupId, evidence } of client.runs.watch(runId)) {
    const group = groupOf.get(workgroupId) ?? '';
    const ended = type === RunEventType.TASK_OUTCOME;
    if (ended && step === 'switch-site-preference') switched.add(group);
    if (step !== 'live-migrate') continue;
    if (!switched.has(group)) early.push(workgroupId);
    if (ended) gaps.push(...evidence.map(({ facts }) => Number(facts?.interruptionMs)));
  }
  return { switched, early, gaps };
};
