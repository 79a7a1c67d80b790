/**
 * The limit of answering times: a bare grpc-js server in a process of its own that gives back what
 * it gets. Run as a program; its argument is `{"path": …}`, a unix socket.
 */
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';

const bytes = (value: Buffer): Buffer => value;

export const echoService = {
  echo: {
    path: '/bench.Echo/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} satisfies ServiceDefinition;

const serve = ({ path }: { readonly path: string }): void => {
  const server = new Server();
  server.addService(echoService, {
    echo: (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) =>
      answer(null, call.request),
  });
  server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), () => {
    process.stdout.write(`ready unix:${path}\n`);
  });
};

if (process.argv[1] === import.meta.filename) serve(JSON.parse(process.argv[2] ?? '{}'));
