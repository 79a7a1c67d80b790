/** The program `siteswap` (all but `daemon` and `journal`, which the launcher starts itself). */
import { runCommandLine } from './command-line.ts';
import { exits } from './exit.ts';
import { processTerminal } from './terminal.ts';

// A reader that closes early (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exits.done : exits.defect);
});
process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal());
