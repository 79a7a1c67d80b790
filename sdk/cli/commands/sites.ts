/**
 * `site lost` and `site reachable`: a person's word, journaled, that governs every run; and what a
 * loss has left behind.
 */
import type { Command } from 'commander';
import type { Site } from '../../../proto/gen/siteswap/v1/site.ts';
import type { Cli } from '../cli.ts';
import { recoveriesText } from '../views/recovery.ts';
import { siteTable } from './inventory.ts';

const show = (cli: Cli, site: Site): void => cli.answer(site, () => siteTable([site], cli));

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
    .addHelpText('after', '\nExamples:\n  siteswap site lost east --reason "fire in hall 2"')
    .action(async (siteId: string, { reason }: { reason: string }) => {
      const request = { siteId, reason, requester: cli.requester };
      show(cli, await cli.client.sites.declareLost(request));
    });
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
