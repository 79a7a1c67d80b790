/**
 * `call`: any method of the contract by its name, with JSON in and JSON out. The contract is loaded
 * at run time by @grpc/proto-loader: a generic client, which must work without generated code.
 */
import { existsSync, readdirSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import {
  Client,
  credentials,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { Command } from 'commander';
import { callErrorOf } from '../../client/errors.ts';
import { messageBytesMax } from '../../client/limits.ts';
import { nearest } from '../../yaml/nearest.ts';
import type { Cli } from '../cli.ts';
import { usageError } from '../exit.ts';
import { type Described, requestOf } from './call-request.ts';

/** The compiled tree and the packed SDK keep the contract at the same place beside us. */
const contractDir = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** Every file of the contract, so that none is forgotten. */
const contractFiles = (): string[] =>
  readdirSync(`${contractDir}siteswap/v1`)
    .filter((name) => name.endsWith('.proto'))
    .map((name) => `siteswap/v1/${name}`)
    .concat('grpc/health/v1/health.proto');

const options = { enums: String, longs: Number, defaults: true, includeDirs: [contractDir] };

/** As proto-loader makes it: with what its request is made of. */
type Method = MethodDefinition<object, object> & { readonly requestType: Described };

const isService = (value: object): value is ServiceDefinition => !('format' in value);

/** Every method by its full name, `siteswap.v1.RunService/GetRun`. */
const methodsOf = (contract: PackageDefinition): ReadonlyMap<string, Method> => {
  const methods = new Map<string, Method>();
  for (const [service, definition] of Object.entries(contract)) {
    if (!isService(definition)) continue;
    for (const [name, method] of Object.entries(definition)) {
      methods.set(`${service}/${name}`, method as Method);
    }
  }
  return methods;
};

const loadContract = (): PackageDefinition => {
  if (existsSync(contractDir)) return loadSync(contractFiles(), options);
  const what = `the contract is not beside the program (${contractDir})`;
  throw usageError(what, 'Build the project with `npm run build`.');
};

/** Loads the contract. */
export const loadMethods = (): ReadonlyMap<string, Method> => methodsOf(loadContract());

/** Well-known types as JSON has them: moments in ISO 8601, structs as what they hold. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Readonly<Record<string, unknown>>;
  const { seconds, nanos, kind } = fields;
  if (typeof seconds === 'number' && typeof nanos === 'number') {
    return new Date(seconds * 1_000 + nanos / 1e6).toISOString();
  }
  if (typeof kind === 'string' && kind in fields) return plain(fields[kind]);
  const names = Object.keys(fields);
  const inner = names.length === 1 && names[0] === 'fields' ? fields.fields : fields;
  return Object.fromEntries(Object.entries(inner as object).map(([k, v]) => [k, plain(v)]));
};

/** `RunService/GetRun` for `siteswap.v1.RunService/GetRun`. */
const shortName = (name: string): string => name.replace(/^siteswap\.v1\./, '');

/** Reflection is none of them: it is a stream of questions, which generic tools ask. */
const servicesText = (methods: ReadonlyMap<string, Method>): string => {
  const services = new Set([...methods.keys()].map((name) => shortName(name).split('/')[0]));
  return `Services that can be called: ${[...services].join(', ')}`;
};

const findMethod = (methods: ReadonlyMap<string, Method>, asked: string): Method => {
  const name = asked.replace(/\.([^./]+)$/, '/$1');
  const found = methods.get(name) ?? methods.get(`siteswap.v1.${name}`);
  if (found !== undefined) return found;
  const names = [...methods.keys()].map(shortName);
  const meant = nearest(shortName(name), names);
  throw usageError(
    `the contract has no method ${asked}`,
    meant === undefined
      ? `${servicesText(methods)}: see \`siteswap call --list\`.`
      : `Did you mean ${meant}?`,
  );
};

const unary = (client: Client, method: Method, request: object): Promise<object | undefined> =>
  new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = method;
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      (error: ServiceError | null, answer?: object) =>
        error === null ? resolve(answer) : reject(error),
    );
  });

const perform = async (cli: Cli, method: Method, request: object): Promise<void> => {
  const client = new Client(cli.address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': messageBytesMax,
  });
  const { path, requestSerialize, responseDeserialize } = method;
  try {
    if (!method.responseStream) {
      const answer = await unary(client, method, request);
      cli.terminal.print(JSON.stringify(plain(answer), null, cli.json ? 0 : 2));
      return;
    }
    const stream = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
    for await (const answer of stream) cli.terminal.print(JSON.stringify(plain(answer)));
  } catch (error) {
    throw (error as ServiceError).code === status.CANCELLED
      ? error
      : callErrorOf(error, false, { address: cli.address, path });
  } finally {
    client.close();
  }
};

/** Adds the command. */
export const addCall = (program: Command, cli: Cli): void => {
  program
    .command('call')
    .summary('call any method of the contract with JSON')
    .description(
      'Calls any method of the contract, loaded at run time. Prints the answer as JSON; of a ' +
        'stream, one answer per line.',
    )
    .argument('[method]', 'SERVICE/METHOD, such as RunService/ListRuns')
    .argument('[json]', 'the request; `-` reads it from standard input', '{}')
    .option('--list', 'list the methods of the contract')
    .addHelpText(
      'after',
      `
Examples:
  siteswap call --list
  siteswap call InventoryService/ListSites
  siteswap call RunService/GetRun '{"runId": "run-1"}'
  siteswap call siteswap.v1.RunService/WatchRun '{"runId": "run-1", "cursor": 0}'`,
    )
    .action(async (asked: string | undefined, json: string, { list }: { list?: true }) => {
      const contract = loadContract();
      const methods = methodsOf(contract);
      if (list || asked === undefined) {
        const names = [...methods.keys()].map(shortName);
        cli.answer(names, () => names.join('\n'));
        return;
      }
      const method = findMethod(methods, asked);
      if (method.requestStream) {
        throw usageError(`${asked} takes a stream`, 'Use the generated client for it.');
      }
      const text = json === '-' ? await readAll(process.stdin) : json;
      await perform(cli, method, requestOf(contract, method.requestType, text));
    });
};
