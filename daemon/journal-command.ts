/** The command line of `siteswap journal`, which needs the stores and no daemon. */
import { Option } from 'commander';
import { exitConfig, exitUnavailable, programNamed } from './command.ts';
import { ConfigError, type DaemonConfig, loadConfig } from './config.ts';
import type { Entry } from './core/entries.ts';
import { decode } from './core/entry-text.ts';
import { SiteswapError } from './core/errors.ts';
import { copyJournal } from './journal/copy.ts';
import { type Journal, JournalError } from './journal/journal.ts';
import { readMark } from './journal/mark.ts';
import { systemStream } from './runner/streams.ts';
import { fileIn, openJournal } from './stores.ts';

interface Options {
  readonly config: string;
  readonly state?: string;
  readonly to: 'postgres' | 'file';
}

/** The configuration names both: the state directory, and the database. */
const sidesOf = ({ postgres, ...config }: DaemonConfig, to: Options['to']) => {
  if (postgres === undefined) {
    const message = `${config.file} names no database: add \`journal: { postgres: … }\`.`;
    throw new JournalError('unreachable', message);
  }
  const [file, database] = [{ state: config.state }, { state: config.state, postgres }];
  return to === 'postgres' ? [file, database] : [database, file];
};

/** A file is locked; of a database its members say that they use it. */
const expectUnused = async (...journals: readonly Journal[]): Promise<void> => {
  for (const { shared } of journals) {
    const alive = (await shared?.members.members())?.filter(({ live }) => live) ?? [];
    if (alive.length === 0) continue;
    const names = alive.map(({ id }) => id).join(', ');
    const leftMs = Math.max(...alive.map(({ leaseLeftMs }) => leaseLeftMs));
    const message =
      `The database is in use by members of a cluster: ${names}. Stop them; one that was killed ` +
      `counts until its lease is over (${Math.ceil(leftMs / 1_000)} s from now).`;
    throw new JournalError('in-use', message);
  }
};

/** Under which licence a run goes on: only its being taken over says so. */
const epochIn = (body: string): number | undefined => {
  if (!body.includes('"run-taken-over"')) return undefined;
  const entry = decode<Entry>(body);
  return entry.type === 'run-taken-over' ? entry.epoch : undefined;
};

const copy = async ({ config, state, to }: Options): Promise<void> => {
  const known = loadConfig(config, state === undefined ? {} : { state });
  const opened: Journal[] = [];
  try {
    for (const side of sidesOf(known, to)) opened.push(await openJournal(side));
    const [source, target] = opened as [Journal, Journal];
    await expectUnused(source, target);
    const options = { last: systemStream, epochIn };
    const { streams, entries, digest } = await copyJournal(source, target, options);
    const read = 'both read again, and equal';
    process.stdout.write(`${streams} streams, ${entries} entries, sha256 ${digest}: ${read}\n`);
  } finally {
    for (const journal of opened) await journal.close();
  }
};

/** What the mark knows of; undefined: it cannot be read, or is not there. */
const commitsMarked = (path: string): number | undefined => {
  try {
    return readMark(path)?.commits;
  } catch {
    return undefined;
  }
};

const accept = async ({ config, state }: Pick<Options, 'config' | 'state'>): Promise<void> => {
  const known = loadConfig(config, state === undefined ? {} : { state });
  const path = fileIn(known);
  const before = commitsMarked(path);
  const journal = await openJournal({ state: known.state }, { accept: true });
  try {
    await journal.check();
    const streams = await journal.streams();
    const wanted = before === undefined ? 'no mark said how many' : `its mark knew of ${before}`;
    process.stdout.write(
      `${path}: ${streams.length} streams, ${commitsMarked(path)} commits (${wanted}): accepted\n`,
    );
  } finally {
    await journal.close();
  }
};

const refuse = (error: unknown): never => {
  const known = [ConfigError, JournalError, SiteswapError].some((type) => error instanceof type);
  if (!(known && error instanceof Error)) throw error;
  process.stderr.write(`siteswap journal: ${error.message}\n`);
  process.exit(error instanceof ConfigError ? exitConfig : exitUnavailable);
};

const program = programNamed('siteswap journal', 'Looks after journals while no daemon uses them.');

program
  .command('copy')
  .description(
    'Copies the journal from the state directory into the database, or back, and verifies it. ' +
      'Both must be unused, and the one that is copied into empty.',
  )
  .requiredOption('--config <file>', 'configuration (YAML) that names both')
  .option('--state <dir>', 'state directory, in place of the one in the configuration')
  .addOption(
    new Option('--to <store>', 'where it is copied to')
      .choices(['postgres', 'file'])
      .makeOptionMandatory(),
  )
  .action((options: Options) => copy(options).catch(refuse));

program
  .command('accept')
  .description(
    'Takes the journal in the state directory as it is, where its mark (journal.db-mark) is ' +
      'missing or knows of more. What is missing is given up: only where it cannot be had back.',
  )
  .requiredOption('--config <file>', 'configuration (YAML) that names the state directory')
  .option('--state <dir>', 'state directory, in place of the one in the configuration')
  .action((options: Options) => accept(options).catch(refuse));

await program.parseAsync();
