/**
 * What server reflection answers: the contract's own descriptors. The contract of reflection
 * itself is loaded at run time, as are its libraries: few daemons are ever asked.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protoFolder = new URL('../../proto/', import.meta.url);

/** As proto-loader reads it with `keepCase` and `oneofs`. */
interface Question {
  readonly host: string;
  readonly message_request?: string;
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
}

class Descriptors {
  readonly services: string[] = [];
  readonly #byName = new Map<string, FileDescriptorProto>();
  readonly #bySymbol = new Map<string, FileDescriptorProto>();

  constructor(image: Uint8Array) {
    for (const file of fromBinary(FileDescriptorSetSchema, image).file) this.#add(file);
  }

  /** The file and all that it imports, encoded; empty when it is not known. */
  withImports(file: FileDescriptorProto | undefined, found = new Map<string, Buffer>()): Buffer[] {
    if (file === undefined || found.has(file.name)) return [...found.values()];
    found.set(file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
    for (const name of file.dependency) this.withImports(this.#byName.get(name), found);
    return [...found.values()];
  }

  named(name: string): FileDescriptorProto | undefined {
    return this.#byName.get(name);
  }

  holding(symbol: string): FileDescriptorProto | undefined {
    return this.#bySymbol.get(symbol);
  }

  #add(file: FileDescriptorProto): void {
    const scope = file.package === '' ? '' : `${file.package}.`;
    this.#byName.set(file.name, file);
    for (const message of file.messageType) this.#addMessage(message, scope, file);
    for (const { name } of file.enumType) this.#bySymbol.set(scope + name, file);
    for (const service of file.service) {
      this.services.push(scope + service.name);
      this.#bySymbol.set(scope + service.name, file);
      for (const { name } of service.method) {
        this.#bySymbol.set(`${scope}${service.name}.${name}`, file);
      }
    }
  }

  #addMessage(message: DescriptorProto, scope: string, file: FileDescriptorProto): void {
    const inner = `${scope}${message.name}.`;
    this.#bySymbol.set(scope + message.name, file);
    for (const { name } of message.field) this.#bySymbol.set(inner + name, file);
    for (const { name } of message.enumType) this.#bySymbol.set(inner + name, file);
    for (const nested of message.nestedType) this.#addMessage(nested, inner, file);
  }
}

const answer = (known: Descriptors, question: Question): object => {
  const head = { valid_host: question.host, original_request: question };
  const error = (code: status, text: string) => ({
    ...head,
    error_response: { error_code: code, error_message: text },
  });
  const file = (found: FileDescriptorProto | undefined, what: string) =>
    found
      ? { ...head, file_descriptor_response: { file_descriptor_proto: known.withImports(found) } }
      : error(status.NOT_FOUND, `${what} is not known here`);
  const { file_by_filename: name = '', file_containing_symbol: symbol = '' } = question;
  switch (question.message_request) {
    case 'list_services':
      return {
        ...head,
        list_services_response: { service: known.services.map((service) => ({ name: service })) },
      };
    case 'file_by_filename':
      return file(known.named(name), name);
    case 'file_containing_symbol':
      return file(known.holding(symbol), symbol);
    default:
      return error(status.UNIMPLEMENTED, 'the contract has no extensions');
  }
};

type Version = 'v1' | 'v1alpha';

let known: Descriptors | undefined;

/** Encoded question → encoded answer. The versions have the same messages under two names. */
export const answererOf = (version: Version): ((question: Buffer) => Buffer) => {
  const path = fileURLToPath(new URL(`grpc/reflection/${version}/reflection.proto`, protoFolder));
  const loaded = loadSync(path, { keepCase: true, oneofs: true });
  const service = loaded[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition;
  const method = service.ServerReflectionInfo as ServiceDefinition[string];
  return (question) => {
    known ??= new Descriptors(readFileSync(new URL('gen/siteswap.binpb', protoFolder)));
    return method.responseSerialize(answer(known, method.requestDeserialize(question)));
  };
};
