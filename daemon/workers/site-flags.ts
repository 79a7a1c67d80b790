/**
 * Which sites are declared lost, in memory that all threads share: a thread sees a declaration at
 * its very next call, and wakes up to cut off what is under way. A counter for each site: odd means
 * lost.
 */

export class SiteFlags {
  readonly buffer: SharedArrayBuffer;
  readonly #siteIds: readonly string[];
  readonly #counters: Int32Array;

  constructor(siteIds: readonly string[], buffer?: SharedArrayBuffer) {
    this.#siteIds = siteIds;
    this.buffer =
      buffer ?? new SharedArrayBuffer(Math.max(1, siteIds.length) * Int32Array.BYTES_PER_ELEMENT);
    this.#counters = new Int32Array(this.buffer);
  }

  isLost(siteId: string): boolean {
    const at = this.#siteIds.indexOf(siteId);
    return at >= 0 && Atomics.load(this.#counters, at) % 2 === 1;
  }

  set(siteId: string, lost: boolean): void {
    const at = this.#siteIds.indexOf(siteId);
    if (at < 0 || this.isLost(siteId) === lost) return;
    Atomics.add(this.#counters, at, 1);
    Atomics.notify(this.#counters, at);
  }

  /** Calls `lost` whenever the site has been declared lost. Never ends. */
  async watch(siteId: string, lost: () => void): Promise<never> {
    const at = this.#siteIds.indexOf(siteId);
    for (;;) {
      const seen = Atomics.load(this.#counters, at);
      if (seen % 2 === 1) lost();
      const wait = Atomics.waitAsync(this.#counters, at, seen);
      if (wait.async) await wait.value;
    }
  }
}
