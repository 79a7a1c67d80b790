/** `migrate-storage` and `instances`: disks that move, and which copy of a VM is the VM. */
import { type Command, Option } from 'commander';
import { Instance } from '../../../proto/gen/siteswap/v1/inventory.ts';
import type { ResolvedVm, VmCopy } from '../../../proto/gen/siteswap/v1/migration.ts';
import { chosen } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordsOf } from '../enums.ts';
import { follow } from '../follow.ts';
import { table } from '../terminal.ts';
import { findingsText } from '../views/preview.ts';

const copyText = ({ datastoreId, disks, record, recordTorn }: VmCopy): string => {
  const said = recordTorn ? 'torn record' : record && `${record.role} ${record.state}`;
  const what = said ?? 'no record';
  return `${datastoreId} (${disks.length === 0 ? `${what}, no disks` : what})`;
};

/** What would be chosen, and why. */
const verdictOf = ({ outcome }: ResolvedVm, { terminal }: Cli): [string, string] => {
  if (outcome?.$case === 'chosen') {
    const { datastoreIds, why, warnings } = outcome.value;
    const warned = warnings.map((word) => terminal.tone('bad', ` ${word}`)).join('');
    return [`${datastoreIds.join(', ')}${warned}`, why];
  }
  const why = outcome?.$case === 'fault' ? outcome.value.message : (outcome?.value ?? '');
  return [terminal.tone('bad', outcome?.$case === 'fault' ? 'not looked at' : 'refused'), why];
};

interface MoveOptions {
  readonly to: string;
  readonly from?: string;
  readonly key?: string;
  readonly detach?: true;
}

const migrate = async (
  cli: Cli,
  computeId: string,
  vmIds: readonly string[],
  { to, from = '', key = '', detach }: MoveOptions,
): Promise<void> => {
  const started = await cli.client.migrations.migrateStorage({
    computeId,
    moves: vmIds.map((vmId) => ({ vmId, fromDatastoreId: from, toDatastoreId: to })),
    requester: cli.requester,
    requestKey: key,
  });
  for (const line of findingsText({ warnings: started.warnings }, cli.terminal)) {
    cli.terminal.note(line);
  }
  if (cli.json) cli.line(started);
  else if (detach) cli.terminal.print(started.runId);
  if (!detach) cli.exitCode = await follow(cli, started.runId, 0);
};

const addMigrateStorage = (program: Command, cli: Cli): void => {
  program
    .command('migrate-storage')
    .summary("move VMs' disks to another datastore while they run")
    .description(
      'Moves the disks of running VMs to another datastore of their compute, and follows the ' +
        'run. A failover at any moment finds the right copy. Ctrl-C ends only the following.',
    )
    .argument('<compute>', 'id of the compute where they run')
    .argument('<vm...>', 'their ids')
    .requiredOption('--to <datastore>', 'where the disks go')
    .option('--from <datastore>', 'where they are; needed only for VMs on several datastores')
    .option('--key <key>', 'your name for this request: repeating it returns the same run')
    .option('--detach', 'print the run id and return at once')
    .addHelpText('after', '\nExamples:\n  siteswap migrate-storage vc-a web-1 web-2 --to gold')
    .action((computeId: string, vmIds: string[], options: MoveOptions) =>
      migrate(cli, computeId, vmIds, options),
    );
};

/** Adds the commands. */
export const addInstances = (program: Command, cli: Cli): void => {
  addMigrateStorage(program, cli);
  program
    .command('instances')
    .summary('show which copy of a VM would be chosen, and why')
    .description(
      'Looks at the copies of VMs among what a compute has mounted, and tells which one a ' +
        'failover would start, by the records of storage migrations. Only looks.',
    )
    .argument('<compute>', 'its id')
    .argument('<vm...>', 'their ids')
    .addOption(
      new Option('--instance <instance>', 'as which the datastores are mounted')
        .choices(wordsOf(Instance))
        .default('production'),
    )
    .addHelpText('after', '\nExamples:\n  siteswap instances vc-b web-1 web-2')
    .action(async (computeId: string, vmIds: string[], options: { instance: string }) => {
      const instance = chosen(Instance, options.instance);
      const found = await cli.client.migrations.resolveInstances({ computeId, vmIds, instance });
      cli.answer(found, () =>
        table(
          cli.terminal,
          ['vm', 'copies', 'chosen', 'why'],
          found.map((one) => [
            one.vmId,
            one.copies.map(copyText).join(', ') || 'none',
            ...verdictOf(one, cli),
          ]),
        ),
      );
    });
};
