/**
 * Takes the secrets of a remote's configuration out of every text that leaves its plugin. Vendors'
 * errors like to quote the request that failed, and faults and evidence are journaled for ever.
 */
import { isSecret } from '../../sdk/plugin/config.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Evidence } from '../../sdk/plugin/verbs.ts';

export interface Scrubber {
  readonly text: (text: string) => string;
  readonly fault: (fault: Fault) => Fault;
  readonly evidence: (evidence: Evidence) => Evidence;
}

/** The shapes in which a secret turns up in texts: as it is, in JSON, in a URL, in a header. */
const shapesOf = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
];

/** Longest first, so that a secret inside another one does not leave the rest of it standing. */
const needles = (secrets: readonly string[]): string[] =>
  [...new Set(secrets.filter((secret) => secret !== '').flatMap(shapesOf))].sort(
    (a, b) => b.length - a.length,
  );

export const scrubberOf = (secrets: readonly string[], instead = '[secret]'): Scrubber => {
  const hidden = needles(secrets);
  const text = (words: string): string => {
    let clean = words;
    for (const needle of hidden) {
      if (clean.includes(needle)) clean = clean.replaceAll(needle, instead);
    }
    return clean;
  };
  const fault = (found: Fault): Fault => ({
    ...found,
    message: text(found.message),
    ...(found.code !== undefined && { code: text(found.code) }),
    ...(found.hint !== undefined && { hint: text(found.hint) }),
  });
  const evidence = (found: Evidence): Evidence =>
    Object.fromEntries(
      Object.entries(found).map(([name, fact]) => [
        text(name),
        typeof fact === 'string' ? text(fact) : fact,
      ]),
    );
  return { text, fault, evidence };
};

/** Every Secret in a parsed configuration, in clear. */
export const secretsIn = (config: unknown): string[] => {
  if (isSecret(config)) return [config.reveal()];
  if (typeof config !== 'object' || config === null) return [];
  return Object.values(config).flatMap(secretsIn);
};

/** Shorter texts say nothing, and hiding them would make every message unreadable. */
const hiddenCharsMin = 4;

/** Every text in a raw configuration: any may be a secret as long as it is not parsed. */
export const textsIn = (config: unknown): string[] => {
  if (typeof config === 'string') return config.length < hiddenCharsMin ? [] : [config];
  if (typeof config !== 'object' || config === null) return [];
  return Object.values(config).flatMap(textsIn);
};
