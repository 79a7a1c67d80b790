/** What is told beside an answer, or ahead of it: a journal that is held, the run of a verb. */
import test from 'ava';
import { runCommandLine } from '../../sdk/cli/command-line.ts';
import { serve } from '../_support/api.ts';
import { paper, siteswap } from '../_support/cli.ts';
import { until } from '../_support/files.ts';

const held = /^! THE JOURNAL IS HELD: .*nothing new is started/m;
const goesOn = /^! the journal takes entries again/m;

test('a device verb → its run is told ahead of its answer', async (t) => {
  const { client, engine } = await serve(t);
  engine.deviceRuns = 'hang';
  const request = { arrayId: 'array-east', targets: [{ id: 'cg-1' }], requester: 'ann' };
  const stop = new AbortController();
  const runId = await new Promise<string>((began, failed) => {
    client.replication.sync(request, { began, signal: stop.signal }).catch(failed);
  });
  t.is(engine.runs.get(runId)?.ended, false);
  stop.abort();
});

test('a held journal → runs says so, to people; the client knows it', async (t) => {
  const { address, client, engine } = await serve(t);
  t.notRegex((await siteswap('runs', '--address', address)).err, held);
  engine.held = true;
  t.regex((await siteswap('runs', '--address', address)).err, held);
  t.is((await siteswap('runs', '--json', '--address', address)).err, '');
  await client.inventory.sites();
  t.true(client.held);
});

test('the journal becomes held in mid-run → who follows is told, and told of its end', async (t) => {
  const { address, engine } = await serve(t);
  const runId = engine.addRun();
  const page = paper();
  const watching = runCommandLine(['watch', runId, '--address', address], page);
  await until(() => engine.watching > 0);
  t.notRegex(page.err, held);
  engine.held = true;
  await until(() => held.test(page.err));
  engine.held = false;
  await until(() => goesOn.test(page.err));
  engine.finish(runId);
  await watching;
  t.is(page.err.match(/THE JOURNAL IS HELD/g)?.length, 1);
});
