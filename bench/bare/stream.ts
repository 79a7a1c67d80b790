/**
 * The limit of discovery: a bare grpc-js server in a process of its own that streams as many
 * messages of as many bytes as it is told. Its argument is `{"path", "messages", "bytes"}`.
 */
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';

const bytes = (value: Buffer): Buffer => value;

export const streamService = {
  all: {
    path: '/bench.Stream/All',
    requestStream: false,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} satisfies ServiceDefinition;

interface Order {
  readonly path: string;
  readonly messages: number;
  readonly bytes: number;
}

const serve = ({ path, messages, bytes: size }: Order): void => {
  const server = new Server();
  const message = Buffer.alloc(size, 1);
  server.addService(streamService, {
    all: async (call: ServerWritableStream<Buffer, Buffer>) => {
      for (let sent = 0; sent < messages; sent++) {
        if (!call.write(message)) await new Promise((resolve) => call.once('drain', resolve));
      }
      call.end();
    },
  });
  server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), () => {
    process.stdout.write(`ready unix:${path}\n`);
  });
};

if (process.argv[1] === import.meta.filename) serve(JSON.parse(process.argv[2] ?? '{}'));
