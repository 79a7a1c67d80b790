/** `migrations`: where the VMs of a plan really are, by what stands at their destinations. */
import type { Command } from 'commander';
import {
  Departure,
  Execution,
  MigrationVerdict,
  type VmMigration,
} from '../../../proto/gen/siteswap/v1/migration.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { table } from '../terminal.ts';

/** Verdicts that nobody has to act on. */
const calm: ReadonlySet<MigrationVerdict> = new Set([
  MigrationVerdict.MIGRATED,
  MigrationVerdict.AT_DESTINATION,
  MigrationVerdict.AT_SOURCE,
  MigrationVerdict.NEVER_BEGUN,
]);

const factsText = ({ facts }: VmMigration): string =>
  facts === undefined
    ? ''
    : [
        facts.started ? 'started' : '',
        facts.placeholder ? 'placeholder' : '',
        facts.completed ? 'completed' : '',
      ]
        .filter((word) => word !== '')
        .join(', ') || 'none';

const rowOf = (found: VmMigration, { terminal }: Cli): string[] => {
  const { vmId, sourceComputeId, destinationComputeId, verdict } = found;
  const word = wordOf(MigrationVerdict, verdict);
  return [
    vmId,
    sourceComputeId === '' ? '' : `${sourceComputeId} → ${destinationComputeId}`,
    factsText(found),
    wordOf(Execution, found.execution),
    wordOf(Departure, found.departure) || 'not asked',
    calm.has(verdict) ? word : terminal.tone('bad', word || 'cannot be told'),
    found.problem === '' ? found.remedy : `${found.remedy} (${found.problem})`,
  ];
};

const headings = ['vm', 'way', 'facts', 'destination', 'source', 'verdict', 'what to do'];

/** Adds the command. */
export const addMigrations = (program: Command, cli: Cli): void => {
  program
    .command('migrations')
    .summary('show which VMs of a plan really finished migrating')
    .description(
      'Judges the newest live migration of each VM of a plan by what durably stands at its ' +
        'destination, and by what its source says where that can be asked. Only looks.',
    )
    .argument('<plan>', 'its id')
    .option('--vm <id...>', 'only these VMs')
    .addHelpText('after', '\nExamples:\n  siteswap migrations billing')
    .action(async (planId: string, { vm: vmIds = [] }: { vm?: string[] }) => {
      const found = await cli.client.migrations.status(planId, vmIds);
      cli.answer(found, () =>
        found.length === 0
          ? `no VM of plan ${planId} has had a live migration`
          : table(
              cli.terminal,
              headings,
              found.map((one) => rowOf(one, cli)),
            ),
      );
    });
};
