/**
 * Where the journal is, when it is not a file in the state directory. The URL is a secret as a
 * whole, and the password in it once more, because a server's words may hold that alone.
 */
import { Secret } from '../../sdk/plugin/config.ts';
import { type Finding, isMapping, type Mapping } from './finding.ts';
import { resolveSecrets, type SecretSources } from './secrets.ts';

export interface JournalConfig {
  readonly url?: Secret;
  readonly secrets: readonly Secret[];
  readonly findings: readonly Finding[];
}

export const journalOf = (root: Mapping, from: SecretSources): JournalConfig => {
  if (!isMapping(root.journal)) return { secrets: [], findings: [] };
  const { config, findings } = resolveSecrets(root.journal, 'journal', from);
  const { postgres: text } = config;
  if (typeof text !== 'string' || text === '') return { secrets: [], findings };
  const password = passwordOf(text);
  if (password === undefined) {
    const message = 'this is not the URL of a PostgreSQL database';
    const expected = 'postgres://USER@HOST/DATABASE, or { env: NAME } or { file: PATH } with it';
    return { secrets: [], findings: [{ path: 'journal.postgres', message, expected }] };
  }
  const url = new Secret(text);
  return { url, secrets: [url, ...password], findings };
};

/** The password in both its spellings; undefined: it is no URL of ours. */
const passwordOf = (text: string): readonly Secret[] | undefined => {
  // A host is left out where a socket is meant, which URLs of other kinds may not do.
  const found = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?[^@]*$/.exec(text);
  if (found === null) return undefined;
  const written = found[1]?.split(':').slice(1).join(':') ?? '';
  if (written === '') return [];
  return [written, decoded(written)].map((password) => new Secret(password));
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
