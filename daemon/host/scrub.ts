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
  /** Plain data, to its last text. */
  readonly value: <T>(value: T) => T;
  /** Whether a secret stands in there, in a text or, for all that is known, across some. */
  readonly finds: (bytes: Uint8Array) => boolean;
}

/** A shorter piece of base64 would be found where no secret is. */
const piecesLengthMin = 6;

/**
 * In a header a secret stands behind a name (`user:secret`), whose length decides how the same
 * bytes look. The characters that they share with their neighbours are left out.
 */
const base64Of = (secret: string): string[] =>
  [0, 1, 2]
    .map((before) => {
      const whole = Buffer.from('\0'.repeat(before) + secret).toString('base64');
      const shared = Buffer.byteLength(secret) + before;
      return whole.slice(before === 0 ? 0 : before + 1, Math.floor((shared * 4) / 3));
    })
    .filter((piece) => piece.length >= piecesLengthMin);

/** The shapes in which a secret turns up in texts: as it is, in JSON, in a URL, in a header. */
const shapesOf = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  ...base64Of(secret),
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
    ...(found.members !== undefined && { members: found.members.map(text) }),
  });
  const evidence = (found: Evidence): Evidence =>
    hidden.length === 0
      ? found
      : Object.fromEntries(
          Object.entries(found).map(([name, fact]) => [
            text(name),
            typeof fact === 'string' ? text(fact) : fact,
          ]),
        );
  const cleaned = (found: unknown): unknown => {
    if (typeof found === 'string') return text(found);
    if (Array.isArray(found)) return found.map(cleaned);
    if (typeof found !== 'object' || found === null) return found;
    return Object.fromEntries(
      Object.entries(found).map(([name, inner]) => [text(name), cleaned(inner)]),
    );
  };
  const value = <T>(found: T): T => (hidden.length === 0 ? found : (cleaned(found) as T));
  const encoded = hidden.map((needle) => Buffer.from(needle));
  const finds = ({ buffer, byteOffset, byteLength }: Uint8Array): boolean => {
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    return encoded.some((needle) => bytes.includes(needle));
  };
  return { text, fault, evidence, value, finds };
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
