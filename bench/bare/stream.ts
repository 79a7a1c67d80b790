/**
 * The limit of discovery: a bare grpc-js server in a process of its own that streams the very bytes
 * that a daemon streamed. Its argument is `{"path", "method", "pages"}`: where it listens, under
 * which name, and a folder with one file for each message.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';

const bytes = (value: Buffer): Buffer => value;

interface Order {
  readonly path: string;
  readonly method: string;
  readonly pages: string;
}

const serve = ({ path, method, pages }: Order): void => {
  const server = new Server();
  const messages = readdirSync(pages)
    .sort()
    .map((name) => readFileSync(join(pages, name)));
  const all = {
    path: method,
    requestStream: false,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService(
    { all },
    {
      all: async (call: ServerWritableStream<Buffer, Buffer>) => {
        for (const message of messages) {
          if (!call.write(message)) await new Promise((resolve) => call.once('drain', resolve));
        }
        call.end();
      },
    },
  );
  server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), () => {
    process.stdout.write(`ready unix:${path}\n`);
  });
};

serve(JSON.parse(process.argv[2] ?? '{}'));
