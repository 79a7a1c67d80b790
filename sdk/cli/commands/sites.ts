/**
 * `site lost` and `site reachable`: a person's word, journaled, that governs every run; and what a
 * loss has left behind.
 */
import type { Command } from 'commander';
import { CallError } from '../../client/index.ts';
import type { Cli } from '../cli.ts';
import { CommandError, exits } from '../exit.ts';
import { recoveriesText } from '../views/recovery.ts';
import { siteTable } from './inventory.ts';

/** What speaks against it; a daemon that is older than the question knows nothing. */
const spokenAgainst = async (cli: Cli, siteId: string): Promise<readonly string[]> => {
  try {
    return (await cli.client.sites.checkLoss(siteId)).map(({ message }) => message);
  } catch (error) {
    if (error instanceof CallError && error.code === 'UNIMPLEMENTED') return [];
    throw error;
  }
};

/** A person is asked where something speaks against it; a program says `--yes` beforehand. */
const confirmLoss = async (cli: Cli, siteId: string): Promise<void> => {
  const { terminal } = cli;
  const against = await spokenAgainst(cli, siteId);
  if (against.length === 0) return;
  const kept = (details: readonly string[]) =>
    new CommandError(
      exits.refused,
      `${siteId} is not declared lost`,
      'If it is lost all the same, say so: --yes.',
      { details },
    );
  if (terminal.ask === undefined) throw kept(against);
  for (const message of against) terminal.note(`${terminal.tone('warn', '!')} ${message}`);
  const answer = await terminal.ask(`Declare ${siteId} lost all the same? (yes or no) `);
  if (!/^y(es)?$/i.test(answer.trim())) throw kept([]);
};

interface LossOptions {
  readonly reason: string;
  readonly yes?: true;
}

const declareLost = async (cli: Cli, siteId: string, options: LossOptions): Promise<void> => {
  const { reason, yes } = options;
  if (yes === undefined) await confirmLoss(cli, siteId);
  const request = { siteId, reason, requester: cli.requester };
  const declared = await cli.client.sites.declareLost(request);
  cli.answer(declared, () => siteTable([declared], cli));
};

/** Adds the commands. */
export const addSites = (program: Command, cli: Cli): void => {
  const site = program
    .command('site')
    .summary('declare a site lost or reachable')
    .description('Declares a site lost or reachable, and shows what losses have left behind.');
  site
    .command('lost')
    .summary('declare a site lost: no call goes there any more')
    .description(
      'Declares a site lost. From then on no call goes to it, in any run; calls in flight there ' +
        'are abandoned. Disaster runs need it.',
    )
    .argument('<site>', 'its id')
    .requiredOption('--reason <text>', 'why; journaled')
    .option('--yes', 'also if it still answers, or the daemon stands there, or no site is left')
    .addHelpText(
      'after',
      `
What speaks against it is told, and asked about on a terminal; elsewhere it needs --yes.

Examples:
  siteswap site lost east --reason "fire in hall 2"
  siteswap site lost east --reason "fire in hall 2" --yes`,
    )
    .action((siteId: string, options: LossOptions) => declareLost(cli, siteId, options));
  site
    .command('reachable')
    .summary('declare a lost site reachable again')
    .description('Declares that a lost site can be called again.')
    .argument('<site>', 'its id')
    .requiredOption('--reason <text>', 'why; journaled')
    .addHelpText('after', '\nExamples:\n  siteswap site reachable east --reason "power is back"')
    .action(async (siteId: string, { reason }: { reason: string }) => {
      const request = { siteId, reason, requester: cli.requester };
      const found = await cli.client.sites.declareReachable(request);
      const recoveries = await cli.client.sites.recoveries({ siteId });
      cli.answer({ ...found, recoveries }, () =>
        [siteTable([found], cli), ...recoveriesText(recoveries, cli.terminal)].join('\n'),
      );
    });
  site
    .command('recoveries')
    .summary('what disaster runs have left behind, and what to do next')
    .description(
      'Lists plans whose two sites may both have writers since a disaster run, with who writes ' +
        'where and the safe next actions. Only looks; nothing is started.',
    )
    .option('--plan <id>', 'only of this plan')
    .addHelpText('after', '\nExamples:\n  siteswap site recoveries')
    .action(async ({ plan: planId = '' }: { plan?: string }) => {
      const recoveries = await cli.client.sites.recoveries({ planId });
      cli.answer(recoveries, () => {
        if (recoveries.length === 0) return 'no plan waits for a way back from a disaster run';
        return recoveriesText(recoveries, cli.terminal).join('\n');
      });
    });
};
