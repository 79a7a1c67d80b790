/** Chance as the core sees it: handed in, so that a seed reproduces a run. */
export interface Random {
  /** A new id that nobody else has: 128 bits, lower-case hex. */
  id(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}
