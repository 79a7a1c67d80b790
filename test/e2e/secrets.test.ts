/**
 * Canaries: secrets of plugins from the file, the environment and files of their own, with plugins
 * that say them at every turn. None of it is found anywhere outside.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { labSpec, startLabWorld } from '@siteswap/plugin-lab/control';
import test, { type ExecutionContext } from 'ava';
import type { SiteswapClient } from '../../sdk/client/index.ts';
import { connect } from '../../sdk/client/index.ts';
import { collect } from '../../sdk/client/pages.ts';
import { ruleMessage } from '../../sdk/scenario/translate.ts';
import { labConfig, startDaemon } from '../../sdk/testing/index.ts';
import { siteswap } from '../_support/cli.ts';
import { tempDir } from '../_support/temp.ts';

const module = fileURLToPath(new URL('../_support/plugins/leaky.js', import.meta.url));
const canaries = { literal: 'kenar+ya/7f3a9c', env: 'vogel&ß=20b1e8', file: 'ptice?41 d07f"x' };

const injectorToken = 'a token that is for this test';

/** Every shape of the canaries that a plain search would find them by. */
const needles = [...Object.values(canaries), injectorToken].flatMap((canary) => [
  canary,
  JSON.stringify(canary).slice(1, -1),
  encodeURIComponent(canary),
  // Base64 has three forms, by what stands before it; the ends depend on the neighbours.
  ...['', 'x', 'xx'].map((before) =>
    Buffer.from(before + canary)
      .toString('base64')
      .slice(before.length === 0 ? 0 : before.length + 1, -4),
  ),
]);

/** Every answer that the daemon gives about an array, results and errors alike. */
const everythingSaid = async (client: SiteswapClient, arrayId: string): Promise<unknown[]> => {
  const said: unknown[] = [];
  const note = async (call: Promise<unknown>) => {
    const answer = await call.catch((error: Error) => ({ ...error, message: error.message }));
    said.push(answer);
  };
  const { replication, inventory } = client;
  const request = { arrayId, targets: [{ id: 'cg-0001' }], requester: 'ann' };
  await note(replication.sync(request));
  await note(replication.prepareFailover(request));
  await note(replication.failover(request));
  await note(replication.reverse(request));
  await note(replication.testFailoverStart(request));
  await note(replication.querySync(request));
  await note(collect(inventory.discoverDevices({ arrayIds: [arrayId] })));
  await note(collect(inventory.discoverArrays({ arrayIds: [arrayId] })));
  return said;
};

const runsSaid = async (client: SiteswapClient): Promise<unknown[]> => {
  const said: unknown[] = [await client.inventory.plugins(), await client.inventory.remotes()];
  for await (const { runId } of client.runs.list()) {
    said.push(await client.runs.get(runId), await client.runs.report(runId));
    for await (const page of client.runs.watchPages(runId, { deadlineMs: 10_000 })) {
      said.push(page);
      if (page.events.some(({ type }) => /RUN_(PARKED|ENDED)/.test(type))) break;
    }
  }
  return said;
};

/** Rules that hold a secret, draws of others, what was recorded of them, and what is exported. */
const injectionsSaid = async (address: string): Promise<unknown[]> => {
  const client = connect(address, { injectorToken });
  const { injections, replication } = client;
  const said: unknown[] = [];
  const fault = (message: string) => ({ kind: 'busy', owner: 'array', message }) as const;
  for (const canary of [...Object.values(canaries), injectorToken]) {
    const effect = { effect: 'error', fault: fault(`with ${canary} in it`) } as const;
    const rules = [ruleMessage({ name: 'r', effect })];
    const refused = injections.add({ requester: 'ann', rules }).then(
      () => 'taken',
      (error: Error) => ({ ...error, message: error.message }),
    );
    said.push(await refused);
  }
  for (const reason of [canaries.env, injectorToken]) {
    const refused = injections.enable({ requester: 'ann', reason }).then(
      () => 'taken',
      (error: Error) => ({ ...error, message: error.message }),
    );
    said.push(await refused);
  }
  const slow = ruleMessage({ name: 'slow', effect: { effect: 'delay', delayMs: 1 } });
  await injections.add({ requester: 'ann', rules: [slow] });
  await injections.enable({ requester: 'ann', reason: 'a test' });
  const runIds: string[] = [];
  for (const arrayId of ['literal', 'env', 'file']) {
    const asked = { arrayId, targets: [{ id: 'cg-0001' }], requester: 'ann' };
    for (const call of [replication.prepareFailover(asked), replication.sync(asked)]) {
      runIds.push((await call).runId);
    }
  }
  await injections.disable({ requester: 'ann' });
  for (const runId of runIds) {
    said.push(await injections.replay(runId), await client.runs.report(runId));
    const printed = await siteswap('inject', 'replay', runId, '--address', address);
    said.push(printed.out, printed.err);
  }
  const exported = await siteswap('inject', 'export', '--address', address);
  said.push(exported.out, await injections.rules(), await injections.status());
  client.close();
  return said;
};

/** Each file's content, read in both ways in which a search could be meant. */
const filesIn = async (directory: string): Promise<Record<string, string>> => {
  const found: Record<string, string> = {};
  for (const name of await readdir(directory)) {
    found[name] = await readFile(join(directory, name), 'latin1');
    found[`${name} as text`] = await readFile(join(directory, name), 'utf8');
  }
  return found;
};

/** A daemon over the leaky plugin: of each canary an array that opens, and one that does not. */
const startLeaky = async (t: ExecutionContext) => {
  const directory = await tempDir(t);
  const socket = join(directory, 'lab.sock');
  const world = await startLabWorld({ socket, spec: labSpec() });
  t.teardown(() => world.close());
  await writeFile(join(directory, 'token'), `${canaries.file}\n`);
  const tokens = {
    literal: canaries.literal,
    env: { env: 'SITESWAP_TEST_CANARY' },
    file: { file: join(directory, 'token') },
  };
  const arrays = Object.entries(tokens).flatMap(([id, token]) =>
    [true, false].map((opens) => ({
      id: opens ? id : `${id}-shut`,
      site: 'site-a',
      plugin: 'leaky',
      config: { socket, token, opens },
    })),
  );
  const stateDir = join(directory, 'state');
  const daemon = await startDaemon({
    world,
    stateDir,
    plugins: [{ id: 'leaky', module }],
    config: {
      arrays: [...labConfig(1, world).arrays, ...arrays],
      injector: { token: { env: 'SITESWAP_INJECTOR_TOKEN' } },
    },
    env: { SITESWAP_TEST_CANARY: canaries.env, SITESWAP_INJECTOR_TOKEN: injectorToken },
  });
  t.teardown(() => daemon.stop());
  return { daemon, arrays, stateDir };
};

test('canaries of plugins are nowhere: answers, errors, CLI, log, journal, state', async (t) => {
  const { daemon, arrays, stateDir } = await startLeaky(t);
  const { client } = daemon;
  const said: unknown[] = [];
  for (const { id } of arrays) said.push(...(await everythingSaid(client, id)));
  said.push(...(await runsSaid(client)));
  process.env.SITESWAP_INJECTOR_TOKEN = injectorToken;
  const injected = await injectionsSaid(daemon.address);
  delete process.env.SITESWAP_INJECTOR_TOKEN;
  for (const refused of injected.slice(0, 6)) t.like(refused, { reason: 'INVALID_REQUEST' });

  const lines: string[] = [];
  for (const args of [['devices'], ['arrays'], ['plugins'], ['runs'], ['runs', '--json']]) {
    const { out, err } = await siteswap(...args, '--address', daemon.address);
    lines.push(out, err);
  }
  await daemon.restart();
  said.push(...(await runsSaid(client)));
  await daemon.kill();

  const places: Record<string, string> = {
    answers: JSON.stringify(said),
    injections: JSON.stringify(injected),
    'command line': lines.join('\n'),
    log: daemon.log.join('\n'),
    ...(await filesIn(stateDir)),
  };
  t.true('journal.db' in places);
  t.regex(places.answers ?? '', /\[secret\]/);
  t.regex(places.log ?? '', /"plugin":"leaky","msg":"token \[hidden\]/);
  t.regex(places.log ?? '', /"plugin":"leaky","dropped":4\d{4},/);
  t.false(places.log?.includes('many words'));
  for (const [place, text] of Object.entries(places)) {
    for (const needle of needles) {
      const at = text.indexOf(needle);
      t.is(at, -1, `${place}: ${needle} in ${text.slice(Math.max(0, at - 200), at + 100)}`);
    }
  }
});
