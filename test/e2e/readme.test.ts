/** The README's tour, typed as it stands there: what a new reader does first must work. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { tempDir } from '../_support/temp.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => ({
  language: match[1] ?? '',
  text: match[2] ?? '',
}));

/** A command's words; quotes hold words together. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);

const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.trim().split('\n'))
  .map((line) => line.replace(/\s*#.*$/, ''))
  .filter((line) => line.startsWith('siteswap ') && !line.endsWith('&'))
  .flatMap((line) => line.split(' && '));

const ready = async (daemon: ChildProcess): Promise<void> => {
  const [said] = await Promise.race([
    once(daemon.stdout as NonNullable<ChildProcess['stdout']>, 'data'),
    once(daemon, 'exit').then(([code]) => [`ended with ${code}`]),
  ]);
  if (!String(said).startsWith('ready ')) throw new Error(String(said));
};

test('README: the tour → every command of it ends well', async (t) => {
  const cwd = await tempDir(t);
  for (const { text } of blocks.filter(({ language }) => language === 'yaml')) {
    writeFileSync(join(cwd, /^# (\S+)\n/.exec(text)?.[1] ?? ''), text);
  }
  const siteswap = join(root, 'bin/siteswap');
  const daemon = spawn(siteswap, ['daemon', '--config', 'siteswap.yaml'], {
    cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await ready(daemon);
    const env = { ...process.env, SITESWAP_ADDRESS: 'unix:state/siteswap.sock' };
    t.true(readme.includes(`export SITESWAP_ADDRESS=${env.SITESWAP_ADDRESS}\n`));
    for (const command of commands) {
      const args = wordsOf(command).slice(1);
      const ended = await promisify(execFile)(siteswap, args, { cwd, env }).then(
        () => 'ended well',
        (error: { stdout: string; stderr: string }) => `${error.stdout}${error.stderr}`,
      );
      t.is(ended, 'ended well', command);
    }
    t.true(commands.length >= 10);
  } finally {
    if (daemon.exitCode === null) {
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    }
  }
});
