/**
 * A rollback restores roles, exports, registrations and power states, as they were when the run
 * began; what it could not restore is told.
 */
import { siteIsBack } from '../troubles.ts';
import type { Checker, Scene } from './checker.ts';
import { devicesOf, placeOf } from './places.ts';
import { type Item, type Run, Runs } from './runs.ts';

const whole = ({ lab }: Scene, run: Run, item: Item): string => {
  const { protectedSiteId, recoverySiteId } = run.started.frozen;
  const here = placeOf(lab, protectedSiteId, item, devicesOf(item, 'protected'));
  const there = placeOf(lab, recoverySiteId, item, devicesOf(item, 'recovery'));
  return JSON.stringify([here, there]);
};

export const rollbackRestores: Checker = (scene) => {
  const runs = new Runs();
  /** Run → item → where it stood at the start. */
  const before = new Map<string, Map<string, string>>();
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed' && moment.entry.type === 'run-started') {
      const run = runs.of(moment.stream);
      const places = run?.items.map((item) => [item.id, whole(scene, run, item)] as const) ?? [];
      // Where an earlier run left things is not how they stand once another has begun.
      before.clear();
      // What another run had in its hands at the start is given back by that one.
      if (moment.entry.rivals === undefined) before.set(moment.stream, new Map(places));
    }
    if (moment.kind === 'world' && moment.what.includes('lose-site')) before.clear();
    if (moment.kind === 'world' && moment.what === siteIsBack) before.clear();
    if (moment.kind !== 'rest' || moment.view.status !== 'ended') return undefined;
    const run = runs.of(moment.runId);
    if (run === undefined) return undefined;
    const outcomes = new Map(moment.report.items.map((item) => [item.itemId, item.outcome]));
    for (const item of run.items) {
      const was = before.get(moment.runId)?.get(item.id);
      if (was === undefined || outcomes.get(item.id) !== 'undone') continue;
      const is = whole(scene, run, item);
      if (is !== was) return `${item.id} is reported undone, and stands at ${is}, not at ${was}`;
    }
    return undefined;
  };
};
