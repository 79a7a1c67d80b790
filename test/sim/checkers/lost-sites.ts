/**
 * No call reaches a site that is declared lost, once that is durable. Of several daemons each acts
 * on it before the one that was asked answers; who is not alive then has no licence any more. Who
 * was frozen then may end a look that it had begun, and nobody is kept from looking by a database
 * that is away: until his lease holds again he cannot have heard of it.
 */
import { isDeepStrictEqual } from 'node:util';
import { leaseMs } from '../../../daemon/core/limits.ts';
import { siteOfRemote } from '../computer.ts';
import type { Moment } from '../history.ts';
import type { Checker, Scene } from './checker.ts';
import { keyOf, Runs } from './runs.ts';

type Call = Extract<Moment, { kind: 'call' }>;

export const noCallToLostSite: Checker = ({ licenceOf }: Scene) => {
  const runs = new Runs();
  const lost = new Set<string>();
  /** Declared, and not yet known to every daemon that is alive. */
  const told = new Set<string>();
  const frozen = new Set<string>();
  /** Daemons that were frozen when a site was declared lost. */
  const unaware = new Set<string>();
  /** Until then leases may not hold, because the database was away. */
  let apartUntil = Number.NEGATIVE_INFINITY;
  const isLicensed = ({ key, licence, at }: Call): boolean => {
    const runId = runs.by(keyOf(key).initiatorId)?.started.runId;
    if (runId === undefined) return !unaware.has(licence.life) && at > apartUntil;
    return isDeepStrictEqual(licenceOf?.(runId), licence);
  };
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed') {
      const { entry } = moment;
      if (entry.type === 'site-lost') (licenceOf === undefined ? lost : told).add(entry.siteId);
      if (entry.type !== 'site-reachable') return undefined;
      lost.delete(entry.siteId);
      told.delete(entry.siteId);
    }
    if (moment.kind === 'world' && moment.what.includes('database-away')) {
      apartUntil = moment.at + (JSON.parse(moment.what) as { forMs: number }).forMs + leaseMs;
    }
    if (moment.kind === 'daemon') {
      if (moment.what === 'freezes') frozen.add(moment.life);
      else frozen.delete(moment.life);
    }
    if (moment.kind === 'person' && moment.said.includes('"lost":true')) {
      for (const siteId of told) lost.add(siteId);
      for (const life of frozen) unaware.add(life);
    }
    if (moment.kind !== 'call' || !lost.has(siteOfRemote(moment.remoteId))) return undefined;
    if (licenceOf !== undefined && !isLicensed(moment)) return undefined;
    return `${moment.verb} reached ${moment.remoteId}, whose site is declared lost`;
  };
};
