/** A VM is not started before those that it depends on run. */
import type { Checker } from './checker.ts';
import { keyOf, Runs } from './runs.ts';

export const dependenciesFirst: Checker = ({ lab, scenario }) => {
  const vms = scenario.plan.protectionGroups.flatMap((group) => group.vms ?? []);
  const waits = new Map(vms.map(({ id, dependsOn }) => [id, dependsOn]));
  const runs = new Runs();
  return (moment) => {
    runs.see(moment);
    if (moment.kind !== 'call' || moment.verb !== 'powerOn') return undefined;
    const { initiatorId, step, direction } = keyOf(moment.key);
    if (step !== 'power-on' || direction !== 'run') return undefined;
    // Another plan has dependencies of its own.
    if (runs.by(initiatorId)?.started.frozen.planId !== scenario.plan.id) return undefined;
    const compute = lab.world.computes.get(moment.remoteId);
    const asked = new Set(moment.targetIds);
    for (const id of moment.targetIds) {
      for (const other of waits.get(id) ?? []) {
        if (asked.has(other)) return `${id} is started together with ${other}, which it waits for`;
        const { production, test } = compute?.vms ?? {};
        if (production?.get(other)?.on || test?.get(other)?.on) continue;
        return `${id} is started, and ${other} that it waits for does not run`;
      }
    }
    return undefined;
  };
};
