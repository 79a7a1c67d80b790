/** From the command line of `siteswap daemon` to a running daemon, and from a signal to its end. */
import { endBySignal, programNamed, refusalOf } from './command.ts';
import { loadConfig } from './config.ts';
import type { JournalThread } from './journal/sqlite.ts';
import { openJournal } from './stores.ts';

/**
 * For tests of crashes, and off unless it is set: SIGKILL from inside when this many more entries
 * are durable, before the last of them is acknowledged. No kill from outside hits so exactly.
 */
const exitAfterEntries = Number(process.env.SITESWAP_TEST_EXIT_AFTER_ENTRIES ?? 0);

interface Options {
  readonly config: string;
  readonly state?: string;
  readonly listen?: readonly string[];
  readonly member?: string;
}

/** The first callers come first. */
const pluginsAskedAfterMs = 250;

const refuse = refusalOf('siteswap daemon');

const run = async ({ config, ...overrides }: Options, thread: JournalThread): Promise<void> => {
  const known = loadConfig(config, overrides);
  // The journal's thread looks at its file while the rest of the daemon is loaded.
  const [journal, { createDaemon }] = await Promise.all([
    openJournal(known, { exitAfterEntries, thread }),
    import('./daemon.ts'),
  ]);
  const daemon = await createDaemon(known, { journal });
  process.stdout.write(`ready ${daemon.addresses.join(' ')}\n`);
  endBySignal(() => daemon.stop(), refuse);
  // What is wrong with a plugin, or in a configuration that only it can read, is found out soon and
  // not in the middle of a run; nobody waits for it, and a daemon that ends meanwhile asks nobody.
  setTimeout(() => void daemon.engine.lookAtPlugins(), pluginsAskedAfterMs).unref();
};

/** Reads the command line of this process. `thread`: for its journal. Ends the process itself. */
export const runProcess = (thread: JournalThread): Promise<unknown> =>
  programNamed(
    'siteswap daemon',
    'Hosts storage-replication plugins and moves VMs between sites; serves gRPC.',
  )
    .requiredOption('--config <file>', 'configuration (YAML)')
    .option('--state <dir>', 'state directory, in place of the one in the configuration')
    .option(
      '--listen <address...>',
      'unix:PATH or HOST:PORT (loopback), in place of the configured',
    )
    .option('--member <name>', 'name among the members of a cluster (its machine’s name)')
    .addHelpText(
      'after',
      `
Examples:
  siteswap daemon --config siteswap.yaml
  siteswap daemon --config siteswap.yaml --state /var/lib/siteswap --listen 127.0.0.1:7460

Exit codes: 0 ended by a signal, 2 wrong usage, 69 journal, socket or state directory
not to be had, 78 the configuration has problems (all are listed, each with its line).`,
    )
    .action((options: Options) => run(options, thread).catch(refuse))
    .parseAsync();
