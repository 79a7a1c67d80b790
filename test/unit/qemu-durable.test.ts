/** Small durable files of the qemu plugin: the newest whole content counts, whatever was cut. */
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { format, namesIn, readJson, replaceJson, writeJson } from '../../plugins/qemu/durable.ts';
import { faultOf } from '../../plugins/qemu/faults.ts';

interface Note {
  readonly format: number;
  readonly n: number;
  readonly more?: string;
}

const note = (n: number, more?: string): Note => ({ format, n, ...(more && { more }) });

const fileFor = (t: ExecutionContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'siteswap-durable-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'note.json');
};

const read = async (path: string) => (await readJson<Note>(path))?.n;

/** Bytes of the file whose position `at` holds. */
const spoil = (path: string, at: (text: string) => number): void => {
  const bytes = readFileSync(path);
  const where = at(bytes.toString('latin1'));
  bytes.writeUInt8(bytes.readUInt8(where) ^ 1, where);
  writeFileSync(path, bytes);
};

test('none → undefined; written → read, and again, in a file that does not grow', async (t) => {
  const path = fileFor(t);
  t.is(await read(path), undefined);
  await writeJson(path, note(1));
  const { size } = statSync(path);
  for (let n = 2; n < 20; n += 1) {
    const { kept } = await replaceJson(path, note(n));
    t.is(await read(path), n, 'seen before it is kept');
    await kept;
  }
  t.is(statSync(path).size, size);
  t.deepEqual(await namesIn(join(path, '..')), ['note.json']);
});

test('the newest content is damaged → the one before; the next change goes over the damage', async (t) => {
  const path = fileFor(t);
  for (const n of [1, 2, 3]) await writeJson(path, note(n));
  spoil(path, (text) => text.indexOf('"n":3'));
  t.is(await read(path), 2);
  await writeJson(path, note(4));
  t.is(await read(path), 4);
  spoil(path, (text) => text.indexOf('"n":4'));
  t.is(await read(path), 2, 'what was before is still whole');
});

test('a write that was cut short at any byte → the content before it', async (t) => {
  const path = fileFor(t);
  await writeJson(path, note(1, 'as it was'));
  await writeJson(path, note(2, 'the older of two'));
  const before = readFileSync(path);
  await writeJson(path, note(3, 'cut short'));
  const after = readFileSync(path);
  const end = after.indexOf('\n');
  for (let cut = 0; cut < end; cut += 1) {
    writeFileSync(path, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
    const n = await read(path);
    t.true(n === 2 || (n === 3 && after.subarray(cut, end).equals(before.subarray(cut, end))));
  }
  writeFileSync(path, after);
  t.is(await read(path), 3);
});

test('both contents are damaged → corrupt, and so is a file that was cut off', async (t) => {
  const path = fileFor(t);
  for (const n of [1, 2]) await writeJson(path, note(n));
  spoil(path, (text) => text.indexOf('"n":1'));
  spoil(path, (text) => text.indexOf('"n":2'));
  t.is(faultOf(await readJson(path).catch((error) => error))?.kind, 'corrupt');
  truncateSync(path, 100);
  t.is(faultOf(await readJson(path).catch((error) => error))?.kind, 'corrupt');
});

test('a content that outgrows its room → whole, in a file with more', async (t) => {
  const path = fileFor(t);
  for (const [n, length] of [10, 5_000, 20, 100_000, 99_000, 5].entries()) {
    await writeJson(path, note(n, 'é'.repeat(length)));
    t.is((await readJson<Note>(path))?.more, 'é'.repeat(length));
  }
});

test('a file of one line of JSON, as they were → read, and replaced', async (t) => {
  const path = fileFor(t);
  writeFileSync(path, `${JSON.stringify(note(7))}\n`);
  t.is(await read(path), 7);
  await writeJson(path, note(8));
  t.is(await read(path), 8);
});

test('a newer format → unsupported', async (t) => {
  const path = fileFor(t);
  await writeJson(path, { format: format + 1 });
  t.is(faultOf(await readJson(path).catch((error) => error))?.kind, 'unsupported');
});

test('a reader beside a writer → whole contents only, never an older one after a newer', async (t) => {
  const path = fileFor(t);
  await writeJson(path, note(0));
  const module = new URL('../../plugins/qemu/durable.js', import.meta.url).href;
  const writing = new Worker(
    `import(${JSON.stringify(module)}).then(async ({ replaceJson }) => {
      for (let n = 1; n <= 5000; n += 1) {
        const more = 'x'.repeat((n * 37) % 3000);
        await replaceJson(${JSON.stringify(path)}, { format: ${format}, n, more });
      }
    });`,
    { eval: true },
  );
  const ended = new Promise((resolve) => writing.once('exit', resolve));
  let last = 0;
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const n = (await read(path)) ?? -1;
    if (n < last) t.fail(`${n} after ${last}`);
    last = n;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.is(await read(path), 5000);
});
