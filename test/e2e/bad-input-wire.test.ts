/** Bytes that are no request, on the socket of a real daemon: nothing of it is harmed by them. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import test from 'ava';
import { callErrorOf } from '../../sdk/client/errors.ts';
import { CallError, Mode, RunResult } from '../../sdk/client/index.ts';
import { startDaemon } from '../../sdk/testing/index.ts';
import { labPlan } from '../_support/daemon-on-lab.ts';

const mib = 1024 * 1024;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** An HTTP/2 frame: length, type, flags, stream, payload. */
const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
};

const settings = frame(4, 0, 0, Buffer.alloc(0));
const garbage: readonly Buffer[] = [
  randomBytes(4_096),
  Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  Buffer.concat([preface, randomBytes(4_096)]),
  Buffer.concat([preface, settings, frame(1, 5, 1, randomBytes(200))]),
  Buffer.concat([preface, settings, frame(0, 1, 7, randomBytes(200))]),
  Buffer.concat([preface, settings, frame(4, 0, 0, randomBytes(17))]),
  Buffer.concat([preface, settings, frame(9, 4, 0, Buffer.alloc(16_384))]),
];

test('garbage on the socket, garbage and too much in messages → the daemon runs a plan', async (t) => {
  const daemon = await startDaemon();
  t.teardown(() => daemon.stop());
  const path = daemon.address.replace('unix:', '');
  for (const bytes of garbage) {
    const socket = dial(path).on('error', () => {});
    const closed = once(socket, 'close');
    socket.end(bytes);
    socket.resume();
    await closed;
  }

  const wire = new Client(daemon.address, credentials.createInsecure());
  t.teardown(() => wire.close());
  const send = (bytes: Buffer) =>
    new Promise<CallError>((refused, accepted) => {
      const same = (value: Buffer) => value;
      const method = '/siteswap.v1.RunService/StartRun';
      wire.makeUnaryRequest(method, same, same, bytes, (error) => {
        if (error) refused(callErrorOf(error, false));
        else accepted(new Error('it was accepted'));
      });
    });
  t.is((await send(randomBytes(1_000).fill(0xff, 0, 8))).reason, 'INVALID_REQUEST');
  for (const size of [17 * mib, 40 * mib]) {
    const error = await send(Buffer.alloc(size));
    t.true(error instanceof CallError);
    t.is(error.reason, 'MESSAGE_TOO_LARGE');
  }
  const large = { ...labPlan('large', ['cg-0001']), name: 'x'.repeat(17 * mib) };
  const error = await t.throwsAsync(daemon.client.plans.create(large));
  t.is((error as CallError).reason, 'MESSAGE_TOO_LARGE');

  await daemon.client.plans.create(labPlan('p', ['cg-0001']));
  const request = { planId: 'p', mode: Mode.PLANNED, requester: 'ann' };
  const { runId } = await daemon.client.runs.start(request);
  t.is((await daemon.client.waitForRun(runId)).result, RunResult.SUCCEEDED);
});
