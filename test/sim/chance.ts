/**
 * Chance from a seed. Each concern forks a stream of its own by name, so that one draw more in one
 * place does not change what all the others draw.
 */

/** FNV-1a: spreads names and seeds over 32 bits. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  return value >>> 0;
};

export class Chance {
  readonly #name: string;
  #state: number;

  constructor(name: string) {
    this.#name = name;
    this.#state = hash(name);
  }

  fork(name: string): Chance {
    return new Chance(`${this.#name}/${name}`);
  }

  /** Uniform in [0, 1): mulberry32. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** True with this probability. */
  hit(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)] as T;
  }

  /** Small values often, large ones seldom: from `min` to `max`, evenly by magnitude. */
  spread(min: number, max: number): number {
    return Math.round(Math.exp(Math.log(min) + this.fraction() * Math.log(max / min)));
  }

  /** 128 bits in lower-case hex. */
  id(): string {
    let id = '';
    for (let part = 0; part < 4; part++) {
      const bits = Math.floor(this.fraction() * 2 ** 32);
      id += bits.toString(16).padStart(8, '0');
    }
    return id;
  }
}
