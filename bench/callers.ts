/** Callers of a bench: raw ones, for what a client library decodes is not the daemon's time. */
import { Client, credentials } from '@grpc/grpc-js';
import {
  GetRunRequest,
  RunDetail,
  RunServiceService,
  WatchRunRequest,
} from '../proto/gen/siteswap/v1/run.ts';
import { echoService } from './bare/echo.ts';

const raw = (value: Buffer): Buffer => value;

interface Unary {
  readonly path: string;
}

/** A stream that was read to its end. */
export interface Streamed {
  readonly firstMs: number;
  readonly allMs: number;
  readonly messages: readonly Buffer[];
}

/** One channel to one address. */
export class Caller {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Milliseconds until the answer was there. */
  async echo(bytes: Buffer): Promise<number> {
    return this.#timed(echoService.echo, bytes);
  }

  async getRun(runId: string, detail: RunDetail = RunDetail.BASIC): Promise<number> {
    const request = GetRunRequest.encode({ runId, detail }).finish();
    return this.#timed(RunServiceService.getRun, Buffer.from(request));
  }

  #timed({ path }: Unary, request: Buffer): Promise<number> {
    const begunMs = performance.now();
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, raw, raw, request, (error) =>
        error === null ? resolve(performance.now() - begunMs) : reject(error),
      );
    });
  }

  /** Resolves with the bytes received when the stream has ended. */
  watch(runId: string): Promise<number> {
    const request = Buffer.from(WatchRunRequest.encode({ runId, cursor: 0 }).finish());
    const { path } = RunServiceService.watchRun;
    const stream = this.#client.makeServerStreamRequest(path, raw, raw, request);
    return new Promise((resolve, reject) => {
      let bytes = 0;
      stream.on('data', (message: Buffer) => {
        bytes += message.length;
      });
      stream.once('end', () => resolve(bytes));
      stream.once('error', reject);
    });
  }

  /** Reads a stream to its end. */
  stream(path: string, request: Buffer): Promise<Streamed> {
    const begunMs = performance.now();
    const stream = this.#client.makeServerStreamRequest(path, raw, raw, request);
    return new Promise((resolve, reject) => {
      let firstMs = Number.NaN;
      const messages: Buffer[] = [];
      stream.on('data', (message: Buffer) => {
        if (messages.push(message) === 1) firstMs = performance.now() - begunMs;
      });
      const allMs = () => performance.now() - begunMs;
      stream.once('end', () => resolve({ firstMs, allMs: allMs(), messages }));
      stream.once('error', reject);
    });
  }

  close(): void {
    this.#client.close();
  }
}
