/**
 * No VM goes over before all its devices prefer the site that it goes to. Who runs there already
 * may be called again: nothing happens to it then (decision 0053), or `two-writers` sees it.
 */
import { devicesUnder } from '../../../plugins/lab/computes.ts';
import { siteOfRemote } from '../computer.ts';
import type { Checker } from './checker.ts';

export const preferenceFirst: Checker = ({ lab }) => {
  return (moment) => {
    if (moment.kind !== 'call' || moment.verb !== 'migrateLive') return undefined;
    const compute = lab.world.computes.get(moment.remoteId);
    for (const id of moment.targetIds) {
      const vm = compute?.vms.production.get(id);
      if (compute === undefined || vm?.registered !== true) continue;
      for (const device of devicesUnder(compute, vm)) {
        if (device.preferredSiteId !== siteOfRemote(moment.remoteId)) continue;
        return `${id} goes over while ${device.id} prefers ${device.preferredSiteId}`;
      }
    }
    return undefined;
  };
};
