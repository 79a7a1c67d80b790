/** The methods that can be called: those of our contract, and those that a daemon says it has. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Client, MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import {
  loadFileDescriptorSetFromBuffer,
  loadSync,
  type PackageDefinition,
} from '@grpc/proto-loader';
import { usageError } from '../exit.ts';
import type { Described } from './call-request.ts';

/** The compiled tree and the packed SDK keep the contract at the same place beside us. */
const contractDir = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** Every file of the contract, so that none is forgotten, and the services of gRPC's own. */
const contractFiles = (): string[] =>
  readdirSync(`${contractDir}siteswap/v1`)
    .filter((name) => name.endsWith('.proto'))
    .map((name) => `siteswap/v1/${name}`)
    .concat('grpc/health/v1/health.proto')
    .concat(['v1', 'v1alpha'].map((version) => `grpc/reflection/${version}/reflection.proto`));

const options = {
  enums: String,
  longs: Number,
  bytes: String,
  defaults: true,
  includeDirs: [contractDir],
};

/** As proto-loader makes it: with what its request is made of. */
export type Method = MethodDefinition<object, object> & { readonly requestType: Described };

const isService = (value: object): value is ServiceDefinition => !('format' in value);

/** Every method by its full name, `siteswap.v1.RunService/GetRun`. */
export const methodsOf = (contract: PackageDefinition): ReadonlyMap<string, Method> => {
  const methods = new Map<string, Method>();
  for (const [service, definition] of Object.entries(contract)) {
    if (!isService(definition)) continue;
    for (const [name, method] of Object.entries(definition)) {
      methods.set(`${service}/${name}`, method as Method);
    }
  }
  return methods;
};

export const loadContract = (): PackageDefinition => {
  if (existsSync(contractDir)) return loadSync(contractFiles(), options);
  const what = `the contract is not beside the program (${contractDir})`;
  throw usageError(what, 'Build the project with `npm run build`.');
};

export const reflection = 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

/** What of reflection's answers is needed here; bytes are base64. */
interface Told {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly string[] };
}

/** One answer for each question, in their order. */
export const streamed = async (
  client: Client,
  { path, requestSerialize, responseDeserialize }: Method,
  requests: readonly object[],
): Promise<object[]> => {
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  for (const request of requests) stream.write(request);
  stream.end();
  const answers: object[] = [];
  for await (const answer of stream) answers.push(answer);
  return answers;
};

/** A FileDescriptorSet of these files; each is its field 1. */
const descriptorSetOf = (files: Iterable<string>): Buffer => {
  const set = new BinaryWriter();
  for (const file of files) set.tag(1, WireType.LengthDelimited).bytes(Buffer.from(file, 'base64'));
  return Buffer.from(set.finish());
};

/** The methods that whoever listens says it has, by their full names. */
export const methodsTold = async (
  client: Client,
  contract: PackageDefinition,
): Promise<readonly string[]> => {
  const method = methodsOf(contract).get(reflection) as Method;
  const ask = (requests: readonly object[]) =>
    streamed(client, method, requests) as Promise<readonly Told[]>;
  const [listed] = await ask([{ listServices: '' }]);
  const services = (listed?.listServicesResponse?.service ?? []).map(({ name }) => name);
  const told = await ask(services.map((name) => ({ fileContainingSymbol: name })));
  const files = told.flatMap((one) => one.fileDescriptorResponse?.fileDescriptorProto ?? []);
  const set = descriptorSetOf(new Set(files));
  const all = methodsOf(loadFileDescriptorSetFromBuffer(set, options));
  return [...all.keys()].filter((name) => services.includes(name.split('/')[0] ?? ''));
};
