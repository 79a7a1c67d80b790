/**
 * Shell completion out of the command tree itself (@bomb.sh/tab). Ids of plans, runs and sites are
 * asked of the daemon, briefly: a shell must never hang because a daemon does.
 */
import { readdirSync } from 'node:fs';
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { bashCompletion } from '../completion-bash.ts';

/** A person waits at the TAB key. */
const askMsMax = 400;

/** Ids offered at the most: more are of no use in a shell. */
const idsMax = 200;

const examples = `
Examples:
  siteswap completion zsh > "\${fpath[1]}/_siteswap"
  siteswap completion bash >> ~/.bashrc
  source <(siteswap completion bash)          # for this shell alone
  siteswap completion fish > ~/.config/fish/completions/siteswap.fish`;

type Ask = (cli: Cli) => Promise<readonly string[]>;

const options = { deadlineMs: askMsMax };

const some = async <T>(all: AsyncIterable<T>, id: (item: T) => string): Promise<string[]> => {
  const ids: string[] = [];
  for await (const item of all) {
    if (ids.push(id(item)) >= idsMax) break;
  }
  return ids;
};

/** What an argument of this name can be. */
const known: Readonly<Record<string, Ask>> = {
  plan: (cli) => some(cli.client.plans.list(options), ({ plan }) => plan?.id ?? ''),
  run: (cli) => some(cli.client.runs.list({}, options), ({ runId }) => runId),
  site: async (cli) => (await cli.client.inventory.sites(options)).map(({ id }) => id),
  file: async () => readdirSync('.').filter((name) => /\.ya?ml$/.test(name)),
};

const ask = async (cli: Cli, name: string): Promise<readonly string[]> => {
  try {
    return (await known[name]?.(cli)) ?? [];
  } catch {
    // No daemon, or too slow a one: completion goes on without ids.
    return [];
  }
};

/** Adds `completion`, and the hidden `complete` that the shells call back. */
export const addCompletion = async (
  program: Command,
  cli: Cli,
  argv: readonly string[],
): Promise<void> => {
  const tree = tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'completion')
    ?.addHelpText('after', examples)
    .action((shell: string) => {
      if (shell === 'bash') cli.terminal.print(bashCompletion);
      else tree.setup(program.name(), program.name(), shell);
    });
  if (argv[0] !== 'complete') return;
  const typed = argv.slice(argv.indexOf('--') + 1).join(' ');
  const meant = [...tree.commands.values()].filter(({ value }) => typed.startsWith(`${value} `));
  for (const command of meant) {
    for (const argument of command.arguments.values()) {
      if (argument.handler !== undefined) continue;
      const ids = await ask(cli, argument.name);
      argument.handler = (complete) => {
        for (const id of ids) complete(id, '');
      };
    }
  }
};
