/** One command line from its words to its exit code: parse, act, tell how it went. */
import { type Command, CommanderError } from 'commander';
import { Cli } from './cli.ts';
import { exits, failureOf, report, usageError } from './exit.ts';
import { buildProgram } from './program.ts';
import type { Terminal } from './terminal.ts';

/** The command that was meant, as far as it was understood: `siteswap plan apply`. */
const commandIn = (program: Command, argv: readonly string[]): string => {
  let command = program;
  const path = [program.name()];
  for (const word of argv) {
    const below = command.commands.find((each) => each.name() === word);
    if (below === undefined) continue;
    command = below;
    path.push(word);
  }
  return path.join(' ');
};

/** commander's own errors: asking for help is fine, everything else is wrong usage. */
const afterUsage = (
  { code, exitCode, message }: CommanderError,
  program: Command,
  argv: readonly string[],
  terminal: Terminal,
): number => {
  if (exitCode === 0) return exits.done;
  if (code !== 'commander.help') {
    const next = `See \`${commandIn(program, argv)} --help\`.`;
    const { failure } = usageError(message.replace(/^error: /, ''), next);
    report(failure, terminal, argv.includes('--json'));
  }
  return exits.usage;
};

/** Runs one command line; answers its exit code. */
export const runCommandLine = async (
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> => {
  const cli = new Cli(terminal);
  const program = await buildProgram(cli, argv);
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return exits.usage;
    }
    await program.parseAsync(argv, { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return afterUsage(error, program, argv, terminal);
    const failure = failureOf(error, cli.address);
    report(failure, terminal, cli.json);
    return failure.exit;
  } finally {
    cli.close();
  }
};
