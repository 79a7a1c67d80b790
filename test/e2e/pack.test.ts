import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { startDaemon } from '../../sdk/testing/index.ts';

const run = promisify(execFile);
const packer = fileURLToPath(new URL('../../../bin/pack-sdk.mjs', import.meta.url));

const types = fileURLToPath(new URL('../../../node_modules/@types', import.meta.url));
const compiler = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));

/** Written by a user of the package, against its published names only. */
const program = `
import { connect } from '@siteswap/sdk/client';
import { definePlugin } from '@siteswap/sdk/plugin';
import { startDaemon } from '@siteswap/sdk/testing';
import * as conformance from '@siteswap/sdk/conformance';
const client = connect(process.argv[2] ?? '');
const sites = await client.inventory.sites();
client.close();
console.log(JSON.stringify({
  sites: sites.map(({ id }) => id),
  kit: [typeof definePlugin, typeof startDaemon, Object.keys(conformance).length > 0],
}));
`;

test('the packed SDK in an empty folder → no native module, and it talks to a daemon', async (t) => {
  t.timeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-pack-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const { stdout } = await run(process.execPath, [packer, folder]);
  await writeFile(join(folder, 'package.json'), '{"type": "module", "private": true}');
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  await run('npm', ['install', ...quiet, stdout.trim()], { cwd: folder });

  const files = await readdir(join(folder, 'node_modules'), { recursive: true });
  t.deepEqual(
    files.filter((file) => file.endsWith('.node')),
    [],
  );
  t.false(files.some((file) => /^@siteswap\/sdk\/.*(?<!\.d)\.ts$/.test(file)));

  const fixture = fileURLToPath(import.meta.resolve('../_support/toy/sound.js'));
  const command = join(folder, 'node_modules/.bin/siteswap-conformance');
  const claims = await run(command, [fixture], { cwd: folder });
  t.regex(claims.stdout, /\n\d{3} passed, 0 failed, \d+ skipped\n$/);

  const daemon = await startDaemon();
  t.teardown(() => daemon.stop());
  await writeFile(join(folder, 'main.ts'), program);
  const strict = ['--strict', '--module', 'nodenext', '--target', 'es2024'];
  await run(compiler, [...strict, '--types', 'node', '--typeRoots', types, 'main.ts'], {
    cwd: folder,
  });
  const answer = await run(process.execPath, ['main.js', daemon.address], { cwd: folder });
  t.deepEqual(JSON.parse(answer.stdout), {
    sites: ['site-a', 'site-b'],
    kit: ['function', 'function', true],
  });
});
