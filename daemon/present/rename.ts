/**
 * Texts for people name devices by the ids that are shown. Ids are opaque: they may contain each
 * other, and anything else. At each place the longest known id is taken, never a part of a word,
 * and what was put in is not looked at again.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Evidence } from '../../sdk/plugin/verbs.ts';
import type { End } from './ends.ts';

export class Renaming {
  readonly #names: ReadonlyMap<string, string>;
  /** Lengths of known ids, the longest first. */
  readonly #lengths: readonly number[];

  constructor(ends: Iterable<End>) {
    const names = new Map<string, string>();
    const own = [...ends];
    for (const { peer, presented } of own) if (peer !== undefined) names.set(peer.real, presented);
    // Two arrays may know different devices by one id: here the word of this one counts.
    for (const { real, presented } of own) names.set(real, presented);
    this.#names = names;
    this.#lengths = [...new Set([...names.keys()].map(({ length }) => length))].sort(
      (one, other) => other - one,
    );
  }

  id(real: string): string {
    return this.#names.get(real) ?? real;
  }

  text(text: string): string {
    let renamed = '';
    let kept = 0;
    for (let at = 0; at < text.length; ) {
      const real = this.#idAt(text, at);
      if (real === undefined) at += 1;
      else {
        renamed += text.slice(kept, at) + this.#names.get(real);
        at += real.length;
        kept = at;
      }
    }
    return renamed + text.slice(kept);
  }

  fault(fault: Fault): Fault {
    const { message, hint, members } = fault;
    return {
      ...fault,
      message: this.text(message),
      ...(hint !== undefined && { hint: this.text(hint) }),
      ...(members !== undefined && { members: members.map((real) => this.id(real)) }),
    };
  }

  /** Facts that are an id, and nothing else. */
  evidence(evidence: Evidence): Evidence {
    const facts = Object.entries(evidence).map(([name, fact]) => [
      name,
      typeof fact === 'string' ? this.id(fact) : fact,
    ]);
    return Object.fromEntries(facts) as Evidence;
  }

  #idAt(text: string, at: number): string | undefined {
    for (const length of this.#lengths) {
      const id = text.slice(at, at + length);
      if (this.#names.has(id) && standsAlone(text, at, at + length)) return id;
    }
    return undefined;
  }
}

const wordCharacter = /[\p{L}\p{N}_]/u;

/** No letter or digit goes on where the id ends or begins with one. */
const standsAlone = (text: string, from: number, to: number): boolean => {
  const within = (at: number): boolean =>
    wordCharacter.test(text.charAt(at - 1)) && wordCharacter.test(text.charAt(at));
  return !within(from) && !within(to);
};
