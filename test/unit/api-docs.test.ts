import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { withErrorTable } from '../../daemon/api/docs.ts';
import { deadlineMsDefault, replicationDeadlineMsMax } from '../../daemon/api/limits.ts';
import { errorTable } from '../../daemon/core/errors.ts';
import { messageBytesMax } from '../../daemon/core/limits.ts';
import { runStatuses, taskStatuses } from '../../daemon/core/view.ts';
import * as client from '../../sdk/client/index.ts';
import * as clientLimits from '../../sdk/client/limits.ts';
import { clientSources, examplesModule, withoutExample } from '../_support/examples.ts';
import { repoRoot } from '../_support/root.ts';

const read = (path: string) => readFileSync(join(repoRoot, path), 'utf8');

test('docs: the error table in proto/README.md is the one that the code uses', (t) => {
  const page = read('proto/README.md');
  t.is(withErrorTable(page), page, 'run `npm run gen:docs`');
  for (const reason of Object.keys(errorTable)) t.true(page.includes(`| \`${reason}\` |`));
  t.throws(() => withErrorTable('a page without a place for it'));
});

test('docs: the lifecycle drawings name every status', (t) => {
  const page = read('proto/README.md');
  for (const status of [...runStatuses, ...taskStatuses]) {
    t.true(page.includes(status.toUpperCase().replaceAll('-', '_')), status);
  }
});

test('docs: every error that a call’s comment names stands in the table', (t) => {
  for (const file of ['injection', 'inventory', 'plan', 'replication', 'run', 'site']) {
    const text = read(`proto/siteswap/v1/${file}.proto`).replaceAll(/\n\s*\/\/ /g, ' ');
    for (const [, list = ''] of text.matchAll(/Errors(?: of [\w ]+)?: ([^.]*)\./g)) {
      for (const [reason] of list.matchAll(/[A-Z]+(?:_[A-Z]+)*/g)) {
        if (reason.length > 2) t.true(reason in errorTable, `${file}: ${reason}`);
      }
    }
  }
});

test('docs: the client’s examples are compiled as they stand', (t) => {
  const written = read('test/_support/generated/client-examples.ts');
  const folder = join(repoRoot, 'sdk/client');
  t.is(examplesModule(folder, Object.keys(client)), written, 'run `npm run gen:docs`');
});

test('docs: every method of the client has an example', (t) => {
  const callable = ['connect', 'injections', 'inventory', 'plans', 'replication', 'runs', 'sites'];
  const sources = clientSources(join(repoRoot, 'sdk/client')).filter(({ file }) =>
    callable.some((name) => file === `${name}.ts`),
  );
  t.is(sources.length, callable.length);
  t.deepEqual(
    sources.flatMap(({ file, source }) => withoutExample(file, source)),
    [],
  );
});

test('limits: client and daemon agree where they must', (t) => {
  t.is(clientLimits.messageBytesMax, messageBytesMax);
  t.is(clientLimits.deadlineMsDefault, deadlineMsDefault);
  t.is(clientLimits.replicationDeadlineMsDefault, replicationDeadlineMsMax);
});
