/**
 * What only a plugin can say of a configuration is told when the daemon starts, by the place and
 * the key, and keeps nothing away but the remote that it is about.
 */
import test from 'ava';
import { type DaemonConfig, labConfig, startDaemon } from '../../sdk/testing/index.ts';
import { siteswap } from '../_support/cli.ts';
import { until } from '../_support/files.ts';

const lab = labConfig(1, { groups: 1, vmsPerGroup: 1 });
const secretInTheWrongPlace = 'hush-4711';
const wrong = (id: string, config: Readonly<Record<string, unknown>>) => ({
  id,
  site: 'site-a',
  plugin: 'files',
  config,
});
const config: DaemonConfig = {
  ...lab,
  plugins: [...lab.plugins, { id: 'files', module: '@siteswap/plugin-files' }],
  arrays: [
    ...lab.arrays,
    wrong('typo', { direcory: '/srv/x' }),
    wrong('sound', { directory: '/' }),
  ],
  computes: [...lab.computes, wrong('form', { directory: { at: secretInTheWrongPlace } })],
};

test('remotes configured wrong → logged once at the start, listed, and the others work', async (t) => {
  const daemon = await startDaemon({ config });
  t.teardown(() => daemon.stop());
  const type = (...args: string[]) => siteswap(...args, '--address', daemon.address);
  const lines = (id: string) =>
    daemon.log.filter((line) => line.includes(`"remote":"${id}"`)).map((line) => JSON.parse(line));

  // Nobody has asked anything of the daemon so far but whether it is healthy.
  await until(async () => lines('typo').length > 0 && lines('form').length > 0);
  t.like(lines('typo')[0], { level: 'error' });
  t.regex(lines('typo')[0].msg, /array typo is not .*config\.yaml:\d+:\d+: arrays\[2\]\.config\./);
  t.regex(lines('typo')[0].msg, /unknown key "direcory" \(did you mean "directory"\?/);
  t.regex(lines('form')[0].msg, /computes\[2\]\.config\.directory: .*expected directory of/);
  t.deepEqual(lines('sound'), []);

  const plugins = await type('plugins');
  t.is(plugins.exit, 0);
  t.regex(plugins.err, /✗ array typo .*\n✗ compute form /);
  const json = JSON.parse((await type('plugins', '--json')).out);
  t.is(json.find(({ id }: { id: string }) => id === 'files').misconfigured.length, 2);
  t.regex((await type('arrays')).out, /^typo .*unreachable +never .*did you mean "directory"/m);
  t.regex((await type('arrays')).out, /^sound .*unknown/m);
  t.regex((await type('computes')).out, /^form .*unreachable.*expected directory of/m);

  const devices = await type('devices');
  t.regex(devices.out, /^lab-a .*\n/m);
  t.regex(devices.err, /! typo: .*did you mean "directory"/);
  t.is(lines('typo').length, 1);
  t.false(JSON.stringify([daemon.log, plugins, json]).includes(secretInTheWrongPlace));
});

test('a plugin that does not load → logged once, though its arrays are asked', async (t) => {
  const plugins = [...lab.plugins, { id: 'gone', module: './is-not-there.js' }];
  const arrays = [...lab.arrays, { ...wrong('without', {}), plugin: 'gone' }];
  const daemon = await startDaemon({ config: { ...lab, plugins, arrays } });
  t.teardown(() => daemon.stop());
  const lines = () => daemon.log.filter((line) => line.includes('is-not-there'));
  await until(() => lines().length > 0);
  t.regex((await siteswap('devices', '--address', daemon.address)).err, /! without: .*not-there/);
  t.is(lines().length, 1, lines().join('\n'));
});
