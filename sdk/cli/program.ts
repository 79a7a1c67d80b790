/** The command tree: what there is, in the order in which a person meets it. */
import { type Command, Help, type Option } from 'commander';
import { ProgramCommand } from '../command/command.ts';
import { addressDefault, type Cli, requesterDefault } from './cli.ts';
import { addCall } from './commands/call.ts';
import { addCompletion } from './commands/completion.ts';
import { addDevice } from './commands/device.ts';
import { addGameDay } from './commands/gameday.ts';
import { addInject } from './commands/inject.ts';
import { addInstances } from './commands/instances.ts';
import { addInventory } from './commands/inventory.ts';
import { addMembers } from './commands/members.ts';
import { addMigrations } from './commands/migrations.ts';
import { addPlans } from './commands/plans.ts';
import { addRepair } from './commands/repair.ts';
import { addRuns } from './commands/runs.ts';
import { addSites } from './commands/sites.ts';
import { addSnapshots } from './commands/snapshots.ts';
import { exitHelp, usageError } from './exit.ts';
import { version } from './version.ts';

const description = `Moves VMs to the other site, durably, with a policy for every failure.

First steps:
  siteswap daemon --config siteswap.yaml --state ./state &
  export SITESWAP_ADDRESS=unix:$PWD/state/siteswap.sock
  siteswap devices
  siteswap plan apply billing.yaml
  siteswap plan preview billing --mode planned
  siteswap run billing --mode planned`;

/** The launcher starts these as programs of their own. */
const launched = {
  daemon: 'run the daemon',
  front: 'pass requests on to the members of a cluster',
  journal: 'copy a journal into a database, or back',
};

const addLaunched = (program: Command): void => {
  for (const [name, what] of Object.entries(launched)) {
    program
      .command(name)
      .summary(`${what} (see \`siteswap ${name} --help\`)`)
      .description('The launcher starts it as a program of its own.')
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        const message = `the launcher starts \`siteswap ${name}\``;
        throw usageError(message, `Use \`bin/siteswap ${name}\`.`);
      });
  }
};

const addGlobals = (program: Command, cli: Cli): void => {
  program
    .option(
      '--address <address>',
      'where the daemon listens: unix:PATH or HOST:PORT',
      addressDefault,
    )
    .option('--as <requester>', 'who asks, for the journal', requesterDefault())
    .option('--json', 'print JSON, for programs')
    .hook('preAction', (_, command) => cli.begin(command));
};

/** What cannot be left out says so. */
const optionDescription = (option: Option): string => {
  const text = new Help().optionDescription(option);
  return option.mandatory && option.defaultValue === undefined ? `${text} (required)` : text;
};

/** The whole tree; nothing of it has run yet. `argv` is only looked at for completion. */
export const buildProgram = async (cli: Cli, argv: readonly string[]): Promise<Command> => {
  const { terminal } = cli;
  const program = new ProgramCommand('siteswap')
    .description(description)
    .version(version, '--version', 'print the version')
    .usage('<command> [options]')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => command.name(),
      optionDescription,
      styleTitle: (title) => terminal.tone('strong', title),
    })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
      // Told where the command line ends, in the shape of every other failure.
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText(
      'after',
      `\n${exitHelp}\n\nSITESWAP_ADDRESS and SITESWAP_REQUESTER set --address and --as.`,
    );
  addGlobals(program, cli);
  addInventory(program, cli);
  program.commandsGroup('Plans and runs:');
  addPlans(program, cli);
  addRuns(program, cli);
  program.commandsGroup('Sites and devices:');
  addSites(program, cli);
  addMigrations(program, cli);
  addInstances(program, cli);
  addRepair(program, cli);
  addDevice(program, cli);
  addSnapshots(program, cli);
  program.commandsGroup('Failures on purpose:');
  addInject(program, cli);
  addGameDay(program, cli);
  program.commandsGroup('More:');
  addLaunched(program);
  addMembers(program, cli);
  addCall(program, cli);
  await addCompletion(program, cli, argv);
  return program;
};
