/**
 * Secrets of plugins: `{ env: NAME }` and `{ file: PATH }`, anywhere inside a remote's `config`,
 * become the text that they stand for. Every secret that is known is collected, so that the log can
 * take it out of whatever it is asked to write.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Secret } from '../../sdk/plugin/config.ts';
import { scrubberOf } from '../host/scrub.ts';
import { type Finding, isMapping, type Mapping } from './finding.ts';

/** A key or certificate has a few KiB; anything beyond is the wrong file. */
const secretBytesMax = 64 * 1024;

/** Fields that hold a secret by their name, when it is written into the file itself. */
const secretName = /secret|token|passw|passphrase|credential|api.?key|private.?key/i;

/** Shorter ones are in every text. */
const heldCharsMin = 4;

/** Whether a text holds one of the secrets, in any shape in which a secret is known to turn up. */
export const secretHolder = (secrets: readonly Secret[]): ((text: string) => boolean) => {
  const long = secrets
    .map((secret) => secret.reveal())
    .filter(({ length }) => length >= heldCharsMin);
  const { text } = scrubberOf(long);
  return (said) => text(said) !== said;
};

export interface SecretSources {
  /** Paths of secret files are relative to it. */
  readonly baseDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Resolved {
  readonly config: Mapping;
  readonly secrets: readonly Secret[];
  readonly findings: readonly Finding[];
}

/** Resolves the secrets in the `config` that stands at `path`. */
export const resolveSecrets = (config: Mapping, path: string, from: SecretSources): Resolved => {
  const secrets: Secret[] = [];
  const findings: Finding[] = [];

  const reveal = (read: () => string, at: string): string => {
    try {
      const value = read();
      secrets.push(new Secret(value));
      return value;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      findings.push({ path: at, message, expected: '{ env: NAME } or { file: PATH }' });
      return '';
    }
  };

  const walk = (value: unknown, at: string, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item, n) => walk(item, `${at}[${n}]`, key));
    if (!isMapping(value)) {
      if (typeof value === 'string' && value !== '' && secretName.test(key)) {
        secrets.push(new Secret(value));
      }
      return value;
    }
    const reader = readerOf(value, from);
    if (reader) return reveal(reader, at);
    return walkMapping(value, at);
  };

  const walkMapping = (mapping: Mapping, at: string): Mapping =>
    Object.fromEntries(
      Object.entries(mapping).map(([key, value]) => [key, walk(value, `${at}.${key}`, key)]),
    );

  return { config: walkMapping(config, path), secrets, findings };
};

/** How to read the secret that `mapping` stands for, when it is one. */
const readerOf = (mapping: Mapping, from: SecretSources): (() => string) | undefined => {
  const [entry, ...others] = Object.entries(mapping);
  if (entry === undefined || others.length > 0) return undefined;
  const [source, name] = entry;
  if (typeof name !== 'string') return undefined;
  if (source === 'env') return () => fromEnv(name, from.env);
  if (source === 'file') return () => fromFile(resolve(from.baseDir, name));
  return undefined;
};

const fromEnv = (name: string, env: SecretSources['env']): string => {
  const value = env[name];
  if (value) return value;
  throw new Error(
    `the environment variable ${name} is ${value === undefined ? 'not set' : 'empty'}`,
  );
};

const fromFile = (path: string): string => {
  let size: number;
  let value: string;
  try {
    size = statSync(path).size;
    value = size > secretBytesMax ? '' : readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`the secret's file cannot be read: ${(error as Error).message}`);
  }
  if (size > secretBytesMax) {
    throw new Error(`${path} is too large for a secret: ${size} bytes, at most ${secretBytesMax}`);
  }
  if (value === '') throw new Error(`${path} is empty`);
  return value;
};
