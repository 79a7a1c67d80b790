/**
 * The command `siteswap-conformance`: the suite in a process of its own, watched. A verb that holds
 * its thread would hold the suite with it, and whoever waits for its report.
 */
import { fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Progress } from './doing.ts';
import { silentMsMax } from './limits.ts';

const suite = fileURLToPath(new URL(`./process${extname(import.meta.url)}`, import.meta.url));
const child = fork(suite, process.argv.slice(2));
let known: Progress = { claim: 'the fixture is loaded', call: 'its module' };
let timer: NodeJS.Timeout | undefined;

const giveUp = (ms: number): void => {
  const why = `${known.call} held its thread for ${ms} ms; nothing after it could be asked`;
  process.stdout.write(`FAILED   ${known.claim}\n         ${why}\n`);
  process.exitCode = 1;
  child.kill('SIGKILL');
};

const hear = (news: Progress): void => {
  known = { ...known, ...news };
  const ms = known.silentMsMax ?? silentMsMax;
  clearTimeout(timer);
  timer = setTimeout(() => giveUp(ms), ms);
};

child.on('message', (news) => hear(news as Progress));
child.once('exit', (code) => {
  clearTimeout(timer);
  process.exitCode ??= code ?? 1;
});
hear({});
