import test from 'ava';
import { merged } from '../../daemon/api/merged.ts';

async function* saying(...words: readonly string[]): AsyncGenerator<string, void> {
  for (const word of words) yield word;
}

/** Says its word only when it is let. */
const held = (word: string) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = (async function* (): AsyncGenerator<string, void> {
    await promise;
    yield word;
  })();
  return { stream, release: resolve };
};

const all = async (stream: AsyncIterable<string>): Promise<string[]> => {
  const words: string[] = [];
  for await (const word of stream) words.push(word);
  return words;
};

test('merged: everything once, each stream in its own order, none left out', async (t) => {
  const said = await all(merged([saying('a1', 'a2', 'a3'), saying(), saying('b1', 'b2')], 2));
  t.deepEqual(said.toSorted(), ['a1', 'a2', 'a3', 'b1', 'b2']);
  t.deepEqual(
    said.filter((word) => word.startsWith('a')),
    ['a1', 'a2', 'a3'],
  );
});

test('merged: a slow stream first → the others come before it', async (t) => {
  const slow = held('slow');
  const stream = merged([slow.stream, saying('b'), saying('c')], 2);
  t.deepEqual([(await stream.next()).value, (await stream.next()).value], ['b', 'c']);
  slow.release();
  t.deepEqual(await all(stream), ['slow']);
});

test('merged: a stream that never pauses → the others get their turn', async (t) => {
  const stream = merged([saying('a', 'a', 'a', 'a', 'a', 'a'), saying('b')], 2);
  const first = [(await stream.next()).value, (await stream.next()).value];
  t.true(first.includes('b'));
});

test('merged: no more are begun than may be open', async (t) => {
  const begun: string[] = [];
  const slow = ['a', 'b', 'c'].map((word) => ({ word, ...held(word) }));
  const streams = slow.map(async function* ({ word, stream }): AsyncGenerator<string, void> {
    begun.push(word);
    yield* stream;
  });
  const taken = all(merged(streams, 2));
  await new Promise(setImmediate);
  t.deepEqual(begun, ['a', 'b']);
  for (const { release } of slow) release();
  t.deepEqual((await taken).toSorted(), ['a', 'b', 'c']);
});

test('merged: left early → no stream is asked again, and a slow one is not waited for', async (t) => {
  const slow = held('slow');
  let asked = 0;
  const counting = (async function* (): AsyncGenerator<string, void> {
    for (;;) yield String(++asked);
  })();
  for await (const _ of merged([slow.stream, counting], 2)) break;
  const then = asked;
  await new Promise(setImmediate);
  t.is(asked, then);
});
