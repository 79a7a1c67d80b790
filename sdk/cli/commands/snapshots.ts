/** `snapshots …`: what arrays keep under a name, such as what a reprotect with `keep` left. */
import type { Command } from 'commander';
import type { SnapshotsResult } from '../../../proto/gen/siteswap/v1/replication.ts';
import type { Cli } from '../cli.ts';
import { exits } from '../exit.ts';
import { table } from '../terminal.ts';
import { faultText } from '../views/run.ts';
import { ago } from '../words.ts';
import { waitFor } from './device.ts';

const rowsOf = ({ targetId, outcome }: SnapshotsResult, { terminal }: Cli): string[][] => {
  if (outcome?.$case !== 'snapshots') {
    const why = outcome === undefined ? '' : faultText(outcome.value);
    return [[targetId, terminal.tone('bad', 'failed'), why]];
  }
  return outcome.value.snapshots.map(({ name, time }) => [
    targetId,
    name,
    time === undefined ? '' : ago(+time, terminal.now()),
  ]);
};

const list = async (cli: Cli, arrayId: string, ids: string[]): Promise<void> => {
  const targets = ids.map((id) => ({ id }));
  const results = await cli.client.replication.listSnapshots({ arrayId, targets });
  cli.answer(results, () => {
    const rows = results.flatMap((result) => rowsOf(result, cli));
    if (rows.length === 0) return `${arrayId} holds no snapshots`;
    return table(cli.terminal, ['target', 'snapshot', 'as of'], rows);
  });
  if (results.some(({ outcome }) => outcome?.$case !== 'snapshots')) cli.exitCode = exits.notWell;
};

interface Removal {
  readonly array: string;
  readonly name: string;
  readonly key?: string;
}

const remove = async (cli: Cli, ids: string[], { array, name, key = '' }: Removal) => {
  const targets = ids.map((id) => ({ id }));
  const request = { arrayId: array, targets, name, requester: cli.requester, requestKey: key };
  await waitFor(cli, (options) => cli.client.replication.removeSnapshot(request, options));
};

/** Adds the commands. */
export const addSnapshots = (program: Command, cli: Cli): void => {
  const snapshots = program
    .command('snapshots')
    .summary('list and remove the snapshots that arrays hold')
    .description(
      'Snapshots that arrays hold of consistency groups: what a reprotect with `keep` found at ' +
        'the returned side is one, and stays until it is removed here.',
    );
  snapshots
    .command('list')
    .summary('the snapshots at an array')
    .description('Lists the snapshots at an array. Asks the array now; changes nothing.')
    .argument('[group...]', 'consistency groups, or lone devices, by id; none: all that have some')
    .requiredOption('--array <id>', 'the array that is asked')
    .addHelpText('after', '\nExamples:\n  siteswap snapshots list --array array-east')
    .action((ids: string[], { array }: { array: string }) => list(cli, array, ids));
  snapshots
    .command('remove')
    .summary('remove a snapshot of groups')
    .description('Removes a snapshot of groups, with its data. Already gone: success.')
    .argument('<group...>', 'consistency groups, or lone devices, by id at the array')
    .requiredOption('--array <id>', 'the array that holds them')
    .requiredOption('--name <name>', 'as `snapshots list` shows it')
    .option('--key <key>', 'your name for this request: repeating it returns the same answer')
    .addHelpText(
      'after',
      '\nExamples:\n  siteswap snapshots remove cg-1 --array array-east --name before-resync-1',
    )
    .action((ids: string[], removal: Removal) => remove(cli, ids, removal));
};
