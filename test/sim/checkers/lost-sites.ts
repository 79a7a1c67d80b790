/** No call reaches a site that is declared lost, once that is durable. */
import { siteOfRemote } from '../computer.ts';
import type { Checker } from './checker.ts';

export const noCallToLostSite: Checker = () => {
  const lost = new Set<string>();
  return (moment) => {
    if (moment.kind === 'landed') {
      const { entry } = moment;
      if (entry.type === 'site-lost') lost.add(entry.siteId);
      if (entry.type === 'site-reachable') lost.delete(entry.siteId);
      return undefined;
    }
    if (moment.kind !== 'call' || !lost.has(siteOfRemote(moment.remoteId))) return undefined;
    return `${moment.verb} reached ${moment.remoteId}, whose site is declared lost`;
  };
};
