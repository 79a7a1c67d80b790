/** Small durable files of the qemu plugin: the newest content counts, and damage is noticed. */
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
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

/** The file as an earlier boot of the machine would have left it. */
const agedBy = (bytes: Buffer): Buffer => {
  const aged = Buffer.from(bytes);
  for (const from of [0, bytes.length / 2]) {
    const line = bytes.toString('utf8', from, bytes.indexOf('\n', from));
    const found = /"sequence":"(\d+)","boot":"\w+","sum":"\w+","value":(.*)\}$/.exec(line);
    if (found === null) continue;
    const [, sequence, text] = found;
    const sum = crc32(`${Number(sequence)} 00000000 ${text}`)
      .toString(16)
      .padStart(8, '0');
    aged.write(`{"sequence":"${sequence}","boot":"00000000","sum":"${sum}"`, from);
  }
  return aged;
};

const kindOf = async (path: string) =>
  faultOf(await readJson(path).catch((error: unknown) => error))?.kind;

test('one of two contents is damaged → corrupt: the other may be the older', async (t) => {
  const path = fileFor(t);
  for (const n of [1, 2, 3]) await writeJson(path, note(n));
  const whole = readFileSync(path);
  for (const n of [2, 3]) {
    writeFileSync(path, whole);
    spoil(path, (text) => text.indexOf(`"n":${n}`));
    t.is(await kindOf(path), 'corrupt');
  }
});

test('the machine fell in mid-write, at any byte → the content before it, or the new one', async (t) => {
  const path = fileFor(t);
  await writeJson(path, note(1, 'as it was'));
  await writeJson(path, note(2, 'the older of two'));
  const before = agedBy(readFileSync(path));
  await writeJson(path, note(3, 'cut short'));
  const after = agedBy(readFileSync(path));
  const end = after.indexOf('\n');
  for (let cut = 0; cut <= end; cut += 1) {
    writeFileSync(path, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
    const isSame = after.subarray(cut, end).equals(before.subarray(cut, end));
    t.is(await read(path), isSame ? 3 : 2, `cut at ${cut}`);
  }
  await writeJson(path, note(4));
  t.is(await read(path), 4, 'and it goes on');
});

test('nothing whole is left, or some bytes are gone → corrupt', async (t) => {
  const path = fileFor(t);
  await writeJson(path, note(1));
  spoil(path, (text) => text.indexOf('"n":1'));
  t.is(await kindOf(path), 'corrupt', 'it was the only one');
  await writeJson(path, note(1));
  const only = readFileSync(path);
  for (const length of [only.length - 1, 100, 0]) {
    writeFileSync(path, only);
    truncateSync(path, length);
    t.is(await kindOf(path), 'corrupt', `${length} bytes`);
  }
});

test('a content that outgrows its room → whole, in a file with more', async (t) => {
  const path = fileFor(t);
  for (const [n, length] of [10, 5_000, 20, 100_000, 99_000, 5].entries()) {
    await writeJson(path, note(n, 'é'.repeat(length)));
    t.is((await readJson<Note>(path))?.more, 'é'.repeat(length));
  }
});

test('a large content of any length, two pages to the byte too → read as it was written', async (t) => {
  const path = fileFor(t);
  const empty = JSON.stringify(note(1, '')).length + JSON.stringify({ more: '' }).length - 1;
  for (let size = 8_180 - empty; size < 8_200 - empty; size += 1) {
    await writeJson(path, note(1, 'x'.repeat(size)));
    t.is((await readJson<Note>(path))?.more?.length, size);
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
