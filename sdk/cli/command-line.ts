/** One command line from its words to its exit code: parse, act, tell how it went. */
import { CommanderError } from 'commander';
import { Cli } from './cli.ts';
import { exits, failureOf, report } from './exit.ts';
import { buildProgram, exitOfUsage } from './program.ts';
import type { Terminal } from './terminal.ts';

/** Runs one command line; answers its exit code. */
export const runCommandLine = async (
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> => {
  const cli = new Cli(terminal);
  try {
    const program = await buildProgram(cli, argv);
    if (argv.length === 0) {
      program.outputHelp();
      return exits.usage;
    }
    await program.parseAsync(argv, { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return exitOfUsage(error.exitCode);
    const failure = failureOf(error, cli.address);
    report(failure, terminal, cli.json);
    return failure.exit;
  } finally {
    cli.close();
  }
};
