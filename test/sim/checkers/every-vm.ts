/** At the end every VM runs exactly once, or a run's report says why it does not. */
import type { ItemReport } from '../../../daemon/core/view.ts';
import type { Checker } from './checker.ts';

export const everyVmOnceOrReported: Checker = ({ lab, scenario }) => {
  const reported = new Map<string, ItemReport['outcome']>();
  /** Where it should run by now, of those that are done: not here who was off before. */
  const broughtTo = new Map<string, string>();
  let siteGone = false;
  const running = (vmId: string): number =>
    [...lab.world.computes.values()].filter(
      ({ siteId, vms }) =>
        !(siteGone && siteId === 'site-a') && vms.production.get(vmId)?.on === true,
    ).length;
  return (moment) => {
    if (moment.kind === 'world' && moment.what.includes('lose-site')) siteGone = true;
    // Somebody else's run may have been the only one that ever came to it.
    const others = moment.kind === 'told' ? moment.report.items : [];
    for (const { itemId, outcome } of others) {
      if (outcome !== 'done' && !reported.has(itemId)) reported.set(itemId, outcome);
    }
    // Whoever took over speaks for the VMs from then on; a test speaks for its copies.
    const still: readonly string[] = ['test', 'cleanup', 'fence', 'reprotect'];
    const moves = moment.kind === 'rest' && !still.includes(moment.view.mode);
    // Until then its old writers may go on, as the recovery says.
    const fenced = moment.kind === 'rest' && moment.view.mode === 'fence';
    if (fenced && moment.view.result === 'succeeded') siteGone = false;
    if (moves && moment.view.result !== 'superseded') {
      for (const { itemId, outcome, evidence } of moment.report.items) {
        reported.set(itemId, outcome);
        if (evidence.leftOff === true) broughtTo.delete(itemId);
        else broughtTo.set(itemId, moment.view.recoverySiteId);
      }
    }
    if (moment.kind !== 'end') return undefined;
    for (const { id } of scenario.plan.protectionGroups.flatMap(({ vms }) => vms ?? [])) {
      const count = running(id);
      const outcome = reported.get(id);
      const at = broughtTo.get(id);
      const told = outcome !== undefined && (outcome !== 'done' || at === undefined);
      if (outcome === 'done' && siteGone && at === 'site-a' && count === 0) continue;
      if (count === 1 || told || (siteGone && outcome === undefined)) continue;
      return `${id} runs ${count} times, and is reported ${outcome ?? 'nowhere'}`;
    }
    return undefined;
  };
};
