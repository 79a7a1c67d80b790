/** What the programs of the launcher have in common: how they refuse, and how they end. */
import type { Command } from 'commander';
import { ProgramCommand } from '../sdk/command/command.ts';
import { ConfigError } from './config.ts';
import { SiteswapError } from './core/errors.ts';
import { JournalError } from './journal/journal.ts';
import { withSources } from './stack.ts';
import { version } from './version.ts';

/** As in sysexits.h: the caller's configuration, or something that is needed is not to be had. */
export const exitConfig = 78;
export const exitUnavailable = 69;

/** Wrong usage, as for every other command. */
const exitUsage = 2;

/** A command line that refuses wrong usage in one line, and says where help is. */
export const programNamed = (name: string, description: string): Command =>
  new ProgramCommand(name)
    .description(description)
    .version(version)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitUsage))
    .configureOutput({
      outputError: (text, write) => {
        write(`${name}: ${text.replace(/^error: /, '')}See \`${name} --help\`.\n`);
      },
    });

const stackOf = (error: unknown): string =>
  (error instanceof Error && error.stack) || String(error);

/** Troubles that a person can mend are told in words; a defect shows where it happened. */
const textOf = (error: unknown): string => {
  if (error instanceof SiteswapError) return `${error.reason}: ${error.message}\n${error.hint}`;
  const known = error instanceof ConfigError || error instanceof JournalError;
  return known ? error.message : withSources(stackOf(error));
};

export const refusalOf =
  (program: string) =>
  (error: unknown): never => {
    process.stderr.write(`${program}: ${textOf(error)}\n`);
    process.exit(error instanceof ConfigError ? exitConfig : exitUnavailable);
  };

/** Ends the process in order when somebody wants it to. */
export const endBySignal = (stop: () => Promise<void>, refuse: (error: unknown) => never): void => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stop().then(() => process.exit(0), refuse);
    });
  }
};
