/**
 * `call`: any method of the contract by its name, with JSON in and JSON out. The contract is loaded
 * at run time by @grpc/proto-loader: a generic client, which must work without generated code.
 */
import { text as readAll } from 'node:stream/consumers';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import type { Command } from 'commander';
import { CallError, callErrorOf } from '../../client/errors.ts';
import { messageBytesMax } from '../../client/limits.ts';
import { nearest } from '../../yaml/nearest.ts';
import type { Cli } from '../cli.ts';
import { usageError } from '../exit.ts';
import {
  loadContract,
  type Method,
  methodsOf,
  methodsTold,
  reflection,
  streamed,
} from './call-methods.ts';
import { requestOf } from './call-request.ts';

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

const perform = async (client: Client, method: Method, request: object, cli: Cli) => {
  const { path, requestSerialize, responseDeserialize } = method;
  const line = (answer: object) => cli.terminal.print(JSON.stringify(plain(answer)));
  if (method.requestStream)
    for (const answer of await streamed(client, method, [request])) line(answer);
  else if (method.responseStream) {
    const [serialize, deserialize] = [requestSerialize, responseDeserialize];
    const stream = client.makeServerStreamRequest(path, serialize, deserialize, request);
    for await (const answer of stream) line(answer);
  } else {
    const answer = await unary(client, method, request);
    cli.terminal.print(JSON.stringify(plain(answer), null, cli.json ? 0 : 2));
  }
};

/** What the transport says of a value that has no place in the message; the first word is its. */
const unserialised = /serialization failure: \.?(?:siteswap\.v1\.)?(\S+): (.*)/;

/** With a connection of its own to whoever listens; what fails is told as every other call's. */
const connected = async <T>(cli: Cli, path: string, work: (client: Client) => Promise<T>) => {
  const client = new Client(cli.address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': messageBytesMax,
  });
  try {
    return await work(client);
  } catch (error) {
    const { code, details = '' } = error as ServiceError;
    const [, place, wanted] = unserialised.exec(details) ?? [];
    if (place !== undefined) throw usageError(`${place}: ${wanted}`, 'Correct the request.');
    throw code === status.CANCELLED
      ? error
      : callErrorOf(error, false, { address: cli.address, path });
  } finally {
    client.close();
  }
};

/** What the daemon says it has; without one, what our own contract has. */
const list = async (cli: Cli, contract: PackageDefinition): Promise<void> => {
  let names: readonly string[];
  try {
    names = await connected(cli, `/${reflection}`, (client) => methodsTold(client, contract));
  } catch (error) {
    if (!(error instanceof CallError && error.reason === 'DAEMON_UNREACHABLE')) throw error;
    cli.terminal.note(`! ${error.message}: these are the methods of this program's own contract`);
    names = [...methodsOf(contract).keys()];
  }
  const short = names.map(shortName);
  cli.answer(short, () => short.join('\n'));
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
    .option('--list', 'list the methods that the daemon has (as without any)')
    .addHelpText(
      'after',
      `
Examples:
  siteswap call --list
  siteswap call InventoryService/ListSites
  siteswap call RunService/GetRun '{"runId": "run-1"}'
  siteswap call siteswap.v1.RunService/WatchRun '{"runId": "run-1", "cursor": 0}'`,
    )
    .action(
      async (asked: string | undefined, json: string, { list: wantsList }: { list?: true }) => {
        const contract = loadContract();
        if (wantsList || asked === undefined) return list(cli, contract);
        const method = findMethod(methodsOf(contract), asked);
        const text = json === '-' ? await readAll(process.stdin) : json;
        const request = requestOf(contract, method.requestType, text);
        await connected(cli, method.path, (client) => perform(client, method, request, cli));
      },
    );
};
