/** `npm run demo`: every claim of it holds, and it leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const demo = fileURLToPath(new URL('../../examples/demo/demo.js', import.meta.url));

const start = (): ChildProcess =>
  spawn(process.execPath, [demo], { stdio: ['ignore', 'pipe', 'inherit'] });

const rootIn = (output: string): string => /everything happens in (\S+)/.exec(output)?.[1] ?? '';

/**
 * One that was started in the last moment ends by itself when it finds nothing there: it is waited
 * for, and no file may be there again after it.
 */
const untilAllEnded = async (root: string): Promise<void> => {
  while (processesIn(root).length > 0) await delay(20);
};

/** Processes whose command line names this directory. */
const processesIn = (root: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(root) ? [line] : [];
      } catch {
        return [];
      }
    });

test.serial(
  'demo: runs to its end → every proof holds, no process and no file is left',
  async (t) => {
    t.timeout(180_000);
    const child = start();
    const [output] = await Promise.all([
      text(child.stdout as NodeJS.ReadableStream),
      once(child, 'close'),
    ]);
    t.is(child.exitCode, 0, output);
    t.notRegex(output, /✗|DIFFERS/);
    t.true(output.split('✔ ').length > 10);
    // The commands say that injections are on, to whoever has not asked for any.
    t.regex(output, /delayed on purpose[\s\S]*the injection which the commands tell of/);
    for (const act of ['Two sites', 'A planned failover', 'kill -9', 'A disaster', 'MEASURED']) {
      t.true(output.includes(act), act);
    }
    const root = rootIn(output);
    t.not(root, '');
    await untilAllEnded(root);
    t.false(existsSync(root));
  },
);

test.serial('demo: Ctrl-C in the middle of a failover → exit 130, nothing is left', async (t) => {
  t.timeout(120_000);
  const child = start();
  let output = '';
  let interrupted = false;
  for await (const chunk of child.stdout as NodeJS.ReadableStream) {
    output += chunk;
    if (!interrupted && output.includes('✔ shut-down')) interrupted = child.kill('SIGINT');
  }
  if (child.exitCode === null) await once(child, 'close');
  t.is(child.exitCode, 130, output);
  const root = rootIn(output);
  await untilAllEnded(root);
  t.false(existsSync(root));
});
