/**
 * No VM goes over before all its devices prefer the site that it goes to; nor is it called again
 * once it runs there, but under the key of the call that took it there: that one is the same call.
 */
import { devicesUnder } from '../../../plugins/lab/computes.ts';
import { siteOfRemote } from '../computer.ts';
import type { Checker } from './checker.ts';

export const preferenceFirst: Checker = ({ lab }) => {
  const called = new Set<string>();
  return (moment) => {
    if (moment.kind !== 'call' || moment.verb !== 'migrateLive') return undefined;
    const compute = lab.world.computes.get(moment.remoteId);
    for (const id of moment.targetIds) {
      const vm = compute?.vms.production.get(id);
      if (compute === undefined || vm === undefined) continue;
      const call = `${moment.key} ${id}`;
      const isDouble = called.has(call);
      called.add(call);
      if (!vm.registered && !isDouble) {
        return `${id} is called to go over, and does not run here any more`;
      }
      for (const device of devicesUnder(compute, vm)) {
        if (device.preferredSiteId !== siteOfRemote(moment.remoteId)) continue;
        return `${id} goes over while ${device.id} prefers ${device.preferredSiteId}`;
      }
    }
    return undefined;
  };
};
