/** `members` and `drain`: the daemons that share one journal. */
import type { Command } from 'commander';
import type { Member } from '../../../proto/gen/siteswap/v1/cluster.ts';
import type { Cli } from '../cli.ts';
import { table } from '../terminal.ts';

const headings = ['member', 'site', 'state', 'lease', 'runs', 'lag', 'address'];

const runHeadings = ['member', 'run', 'epoch'];

/** What is beyond those that are told is counted. */
const runRowsOf = ({ id, runs, ownedRuns }: Member): string[][] => {
  const rows = ownedRuns.map(({ runId, epoch }) => [id, runId, `${epoch}`]);
  const more = runs - ownedRuns.length;
  return more > 0 ? [...rows, [id, `and ${more} more`, '']] : rows;
};

const stateOf = ({ alive, draining }: Member): string =>
  alive ? (draining ? 'draining' : 'alive') : 'gone';

const rowOf = (member: Member, { terminal }: Cli): string[] => {
  const { id, siteId, alive, leaseLeftMs, runs, lag, addresses } = member;
  const state = stateOf(member);
  return [
    id,
    siteId,
    alive ? state : terminal.tone('bad', state),
    `${(leaseLeftMs / 1_000).toFixed(1)} s`,
    `${runs}`,
    `${lag}`,
    addresses.join(' '),
  ];
};

/** Adds the commands. */
export const addMembers = (program: Command, cli: Cli): void => {
  program
    .command('members')
    .summary('list the daemons that share the journal')
    .description(
      'Lists the members of the cluster: whether each is alive, what is left of its lease, how ' +
        'many runs it has, and how many entries of the catalog it does not act on yet.',
    )
    .option('--runs', 'which runs each has, and under which epoch')
    .addHelpText('after', '\nExamples:\n  siteswap members\n  siteswap members --runs')
    .action(async ({ runs = false }: { readonly runs?: boolean }) => {
      const members = await cli.client.cluster.members();
      cli.answer(members, () => {
        if (members.length === 0) return 'this daemon is alone: its journal is a file';
        if (runs) return table(cli.terminal, runHeadings, members.flatMap(runRowsOf));
        const rows = members.map((member) => rowOf(member, cli));
        return table(cli.terminal, headings, rows);
      });
    });
  program
    .command('drain')
    .summary('have a member hand its runs over to the others')
    .description(
      'Tells a member to begin nothing and to hand its runs over: each goes once its calls have ' +
        'ended. `siteswap members` shows when it has none left.',
    )
    .argument('<member>', 'its name')
    .addHelpText('after', '\nExamples:\n  siteswap drain one')
    .action(async (memberId: string) => {
      await cli.client.cluster.drain(memberId);
      cli.answer({ memberId }, () => `${memberId} hands its runs over`);
    });
};
