import test from 'ava';
import { WatchRunRequest, WatchRunResponse } from '../../proto/gen/siteswap/v1/run.ts';
import type { Channel, Method } from '../../sdk/client/channel.ts';
import { CallError, callErrorOf } from '../../sdk/client/errors.ts';
import { watchPages } from '../../sdk/client/watch.ts';
import { failure } from '../_support/api.ts';

type Turn = readonly (readonly number[] | 'last' | Error)[];

/** A daemon that answers each watch with the next turn: pages of cursors, an end, or an error. */
const channelOf = (turns: readonly Turn[]) => {
  const asked: number[] = [];
  const left = [...turns];
  async function* stream<Q, A>(method: Method<Q, A>, request: Q): AsyncGenerator<A, void> {
    asked.push(WatchRunRequest.decode(method.requestSerialize(request)).cursor);
    for (const part of left.shift() ?? []) {
      if (part instanceof Error) throw part;
      const last = part === 'last';
      const events = last ? [] : part.map((cursor) => ({ cursor }));
      const page = WatchRunResponse.fromPartial({ events, last });
      yield method.responseDeserialize(Buffer.from(WatchRunResponse.encode(page).finish()));
    }
  }
  const channel: Channel = {
    stream,
    unary: () => Promise.reject(new Error('not here')),
    ready: async () => {},
    injecting: () => false,
    held: () => false,
    close: () => {},
  };
  return { channel, asked };
};

const cursorsOf = async (channel: Channel, options = {}): Promise<number[]> => {
  const all: number[] = [];
  for await (const page of watchPages(channel, 'r1', options)) {
    all.push(...page.events.map(({ cursor }) => cursor));
  }
  return all;
};

const broken = callErrorOf({ code: 14, details: 'gone' }, false);

test('watch: asks behind the last event that it has handed out', async (t) => {
  const { channel, asked } = channelOf([[[1, 2], broken], [[3], broken], [broken], [[4], 'last']]);
  t.deepEqual(await cursorsOf(channel), [1, 2, 3, 4]);
  t.deepEqual(asked, [0, 2, 3, 3]);
});

test('watch: events that come twice are handed out once', async (t) => {
  const { channel } = channelOf([
    [[1, 2], broken],
    [[1, 2, 3], [3, 4], 'last'],
  ]);
  t.deepEqual(await cursorsOf(channel), [1, 2, 3, 4]);
});

test('watch: a gap is an error, not a silence', async (t) => {
  const { channel } = channelOf([[[1, 2], [5], 'last']]);
  const error = await failure(t, cursorsOf(channel), CallError);
  t.is(error.code, 'INTERNAL');
  t.true(error.message.includes('events 3 to 4 are missing'));
});

test('watch: a stream that ends ahead of its run is taken up again', async (t) => {
  const { channel, asked } = channelOf([[[1]], [], [[2], 'last']]);
  t.deepEqual(await cursorsOf(channel), [1, 2]);
  t.deepEqual(asked, [0, 1, 1]);
});

test('watch: tries end when nothing was heard for as long as was allowed', async (t) => {
  const { channel } = channelOf([[[1], broken], [broken], [broken], [broken], [broken]]);
  const error = await failure(t, cursorsOf(channel, { resumeMsMax: 120 }), CallError);
  t.is(error.reason, 'DAEMON_UNREACHABLE');
});

test('watch: with no time to resume, the first break is told with its own reason', async (t) => {
  const ending = new CallError('UNAVAILABLE', 'ending', {
    ...broken,
    reason: 'SHUTTING_DOWN',
    violations: [],
  });
  const { channel, asked } = channelOf([[[1], ending], [broken]]);
  const error = await failure(t, cursorsOf(channel, { resumeMsMax: 0 }), CallError);
  t.is(error.reason, 'SHUTTING_DOWN');
  t.deepEqual(asked, [0]);
});

test('errors: a connection that is reset under a call is the daemon gone, not a wish', (t) => {
  for (const error of [
    { code: 1, details: 'Call cancelled' },
    { code: 13, details: 'Received RST_STREAM with code 2' },
    { code: 14, details: 'read ECONNRESET' },
  ]) {
    t.like(callErrorOf(error, false), { code: 'UNAVAILABLE', reason: 'DAEMON_UNREACHABLE' });
    t.is(callErrorOf(error, true).reason, 'CANCELLED');
  }
  t.is(callErrorOf(broken, true), broken);
});

test('errors: what gRPC says of a call → what happened in plain words, its own as the cause', (t) => {
  const asked = { address: 'unix:/s', path: '/siteswap.v1.RunService/GetRun', deadlineMs: 500 };
  for (const [code, details, says] of [
    [4, 'Deadline exceeded after 0.5s', 'unix:/s did not answer RunService.GetRun within '],
    [14, 'No connection established. Last error: null', 'no daemon answers at unix:/s'],
    [14, 'read ECONNRESET', 'the connection to unix:/s broke during RunService.GetRun: what it'],
  ] as const) {
    const error = callErrorOf({ code, details }, false, asked);
    t.true(error.message.startsWith(says), error.message);
    t.is((error.cause as { details: string }).details, details);
    t.not(error.hint, '');
  }
  t.is(
    callErrorOf({ code: 12, details: 'no such method' }, false, asked).message,
    'no such method',
  );
});

test('errors: details that cannot be read leave what the status says', (t) => {
  const metadata = { get: () => [Buffer.from([0xff, 0xff])] };
  t.is(callErrorOf({ code: 4, details: 'late', metadata }, false).reason, 'DEADLINE');
});
