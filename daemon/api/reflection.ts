/**
 * Server reflection, so that generic clients need no schema; v1 and the older v1alpha. What it
 * answers, and the libraries for it, are loaded with the first question.
 */
import type { Server, ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';

const bytes = (value: Buffer): Buffer => value;

const serviceOf = (version: string): ServiceDefinition => ({
  ServerReflectionInfo: {
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
});

type Questions = ServerDuplexStream<Buffer, Buffer>;

const answerAll = async (questions: Questions, version: 'v1' | 'v1alpha'): Promise<void> => {
  const { answererOf } = await import('./descriptors.ts');
  const answer = answererOf(version);
  for await (const question of questions) questions.write(answer(question as Buffer));
  questions.end();
};

export const addReflection = (server: Server): void => {
  for (const version of ['v1', 'v1alpha'] as const) {
    server.addService(serviceOf(version), {
      ServerReflectionInfo: (questions: Questions) => {
        // A caller that goes away is no error of ours.
        questions.on('error', () => {});
        answerAll(questions, version).catch((error) => questions.emit('error', error));
      },
    });
  }
};
