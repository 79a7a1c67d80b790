/** At the end every VM runs exactly once, or a run's report says why it does not. */
import type { ItemReport } from '../../../daemon/core/view.ts';
import type { Checker } from './checker.ts';

export const everyVmOnceOrReported: Checker = ({ lab, scenario }) => {
  const reported = new Map<string, ItemReport['outcome']>();
  let siteGone = false;
  const running = (vmId: string): number =>
    [...lab.world.computes.values()].filter(
      ({ siteId, vms }) =>
        !(siteGone && siteId === 'site-a') && vms.production.get(vmId)?.on === true,
    ).length;
  return (moment) => {
    if (moment.kind === 'world' && moment.what.includes('lose-site')) siteGone = true;
    // Whoever took over speaks for the VMs from then on.
    if (moment.kind === 'rest' && moment.view.result !== 'superseded') {
      for (const { itemId, outcome } of moment.report.items) reported.set(itemId, outcome);
    }
    if (moment.kind !== 'end') return undefined;
    for (const { id } of scenario.plan.protectionGroups.flatMap(({ vms }) => vms ?? [])) {
      const count = running(id);
      const outcome = reported.get(id);
      const told = outcome !== undefined && outcome !== 'done';
      if (count === 1 || told || (siteGone && outcome === undefined)) continue;
      return `${id} runs ${count} times, and is reported ${outcome ?? 'nowhere'}`;
    }
    return undefined;
  };
};
