/**
 * Live migrations that were cut short: what a disaster run judges at the destination is what is
 * true at the far end, which it cannot see. Never a false "migrated"; what runs there keeps its
 * boot; and never is one boot carried on by two copies.
 */
import type { Entry } from '../../../daemon/core/entries.ts';
import type { Lab } from '../../../plugins/lab/lab.ts';
import { type LabCompute, type Migration, migrationStages } from '../../../plugins/lab/model.ts';
import type { Checker } from './checker.ts';
import { Runs } from './runs.ts';

const whole = new Set(migrationStages.slice(migrationStages.indexOf('completed')));
const saysMigrated: ReadonlySet<unknown> = new Set(['migrated', 'migrated-then-lost']);

/** The boot of a VM that executes at a compute: neither cut off nor standing still. */
const bootAt = (compute: LabCompute, vmId: string): string | undefined => {
  const vm = compute.vms.production.get(vmId);
  const { id, offAt, pace } = vm?.boot ?? {};
  const goesOn = offAt === Number.POSITIVE_INFINITY && pace?.at !== Number.POSITIVE_INFINITY;
  return vm?.on === true && goesOn ? id : undefined;
};

const twice = ({ world }: Lab): string | undefined => {
  for (const [vmId, { from, to }] of world.migrations) {
    const boot = bootAt(to, vmId);
    if (boot !== undefined && boot === bootAt(from, vmId)) {
      return `${boot} of ${vmId} goes on at ${from.id} and at ${to.id}`;
    }
  }
  return undefined;
};

/** VM → its boot, of those that had gone over to a site that is not lost. */
const arrivedIn = ({ world }: Lab): Map<string, string> => {
  const arrived = new Map<string, string>();
  for (const [vmId, { to, boot }] of world.migrations) {
    if (to.siteId !== 'site-a' && bootAt(to, vmId) === boot.id) arrived.set(vmId, boot.id);
  }
  return arrived;
};

const misjudged = (vmId: string, verdict: unknown, migration: Migration | undefined) => {
  if (!saysMigrated.has(verdict) || whole.has(migration?.stage ?? 'asked')) return undefined;
  return `${vmId} is judged ${verdict}, and had come to ${migration?.stage ?? 'nothing'}`;
};

export const migratedIsMigrated: Checker = ({ lab }) => {
  const runs = new Runs();
  let arrived = new Map<string, string>();
  const judged = (runId: string, entry: Entry): string | undefined => {
    const run = runs.of(runId);
    if (entry.type !== 'task-outcome' || entry.evidence === undefined) return undefined;
    if (run?.stepName(entry.step) !== 'adopt-migrated') return undefined;
    // Who was told that nothing is known of a migration, by an injection, is not to blame.
    const wasTold = (entry.struck ?? []).length === 0;
    for (const [position, { verdict }] of Object.entries(entry.evidence)) {
      const vmId = run.itemsAt(entry.group, position)[0]?.id ?? '';
      const wrong = misjudged(vmId, verdict, lab.world.migrations.get(vmId));
      if (wrong !== undefined) return wrong;
      const unseen = wasTold && arrived.has(vmId) && !saysMigrated.has(verdict);
      if (unseen) return `${vmId} runs: ${verdict}`;
    }
    return undefined;
  };
  const started = (): string | undefined => {
    for (const [vmId, bootId] of arrived) {
      const boot = bootAt(lab.world.computes.get('lab-compute-b') as LabCompute, vmId);
      if (boot !== undefined && boot !== bootId) return `${vmId} had moved, and was started again`;
    }
    return undefined;
  };
  return (moment) => {
    runs.see(moment);
    // A site that is declared lost by mistake may still take VMs over.
    if (moment.kind === 'stage' && moment.stage === 'started') arrived.delete(moment.vmId);
    if (moment.kind === 'landed') {
      const { entry } = moment;
      if (entry.type === 'run-started' && entry.frozen.mode === 'disaster')
        arrived = arrivedIn(lab);
      return judged(moment.stream, entry as Entry);
    }
    if (moment.kind === 'rest' && moment.view.mode === 'disaster') {
      const wrong = started();
      if (moment.view.status === 'ended') arrived = new Map();
      return wrong;
    }
    return moment.kind === 'answer' ? twice(lab) : undefined;
  };
};
