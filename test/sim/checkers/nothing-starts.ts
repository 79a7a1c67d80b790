/**
 * From a disaster run on, until a reprotect has succeeded, nothing is started at the site that was
 * lost: not by a run, and not because the site is back. (A planned run that takes from there what
 * the disaster run has left calls at that site, and may give back.) Somebody who was frozen, and
 * drives the run no more, may still call there; that must come to nothing. What was asked for
 * before can still come, where the site is not gone: it is in doubt.
 */
import { siteOfRemote } from '../computer.ts';
import type { Checker } from './checker.ts';
import { Flights } from './flights.ts';
import { pending } from './pending.ts';
import { Runs } from './runs.ts';

const starting: ReadonlySet<string> = new Set(['powerOn', 'register', 'mount', 'migrateLive']);

export const nothingStartsThere: Checker = (scene) => {
  const { lab } = scene;
  const runs = new Runs();
  const flights = new Flights(runs, scene);
  let old: { readonly siteId: string; readonly since: number } | undefined;
  /** VMs that somebody had asked to be started there before. */
  let asked: ReadonlySet<string> = new Set();
  const startedSince = (siteId: string, since: number): string | undefined => {
    for (const compute of lab.world.computes.values()) {
      if (compute.siteId !== siteId) continue;
      for (const { image, on, boot } of compute.vms.production.values()) {
        if (asked.has(image.id)) continue;
        if (on && boot !== undefined && boot.onAt > since) return image.id;
      }
    }
    return undefined;
  };
  return (moment) => {
    runs.see(moment);
    flights.see(moment);
    if (moment.kind === 'landed') {
      const { entry, at } = moment;
      if (entry.type === 'run-started' && entry.frozen.mode === 'disaster') {
        old = { siteId: entry.frozen.protectedSiteId, since: at };
        const open = [...pending(lab), ...flights.open].filter(({ verb }) => starting.has(verb));
        asked = new Set(open.flatMap(({ targetIds }) => [...targetIds]));
      }
      if (entry.type === 'run-started' && entry.frozen.mode === 'planned') old = undefined;
      if (entry.type !== 'run-closed') return undefined;
      const mode = runs.of(entry.runId)?.started.frozen.mode;
      if (mode === 'disaster' && entry.result === 'rolled-back') old = undefined;
      if (mode === 'reprotect' && entry.result === 'succeeded') old = undefined;
      return undefined;
    }
    if (old === undefined) return undefined;
    if (moment.kind === 'rest') {
      const vmId = startedSince(old.siteId, old.since);
      return vmId && `${vmId} was started at ${old.siteId}, which a disaster run had left`;
    }
    if (moment.kind !== 'call' || !starting.has(moment.verb)) return undefined;
    if (siteOfRemote(moment.remoteId) !== old.siteId || flights.outlived(moment)) return undefined;
    return `${moment.verb} reached ${moment.remoteId}, which a disaster run had left`;
  };
};
