/**
 * What a plugin writes to the standard streams of its thread. It may quote any secret, and as much
 * as it likes; so it does not reach the daemon's own streams, but the pool, as text, bounded.
 */
import { outputCharsMax, outputWindowMs } from './limits.ts';
import type { Said } from './messages.ts';

type Write = typeof process.stdout.write;

/** One turn of the thread's loop is one text, so that no secret is cut in two. */
class Output {
  readonly #tell: (said: Omit<Said, 'kind'>) => void;
  #text = '';
  #dropped = 0;
  #room = outputCharsMax;
  #refilled = false;

  constructor(tell: (said: Omit<Said, 'kind'>) => void) {
    this.#tell = tell;
  }

  add(words: string): void {
    if (words.length > this.#room) this.#dropped += words.length;
    else {
      if (this.#text === '') setImmediate(() => this.flush());
      this.#text += words;
      this.#room -= words.length;
    }
    this.#refill();
  }

  flush(): void {
    if (this.#text === '' && this.#dropped === 0) return;
    this.#tell({ text: this.#text, dropped: this.#dropped });
    this.#text = '';
    this.#dropped = 0;
  }

  /** There is room again a while after something was said. */
  #refill(): void {
    if (this.#refilled) return;
    this.#refilled = true;
    setTimeout(() => {
      this.#refilled = false;
      this.#room = outputCharsMax;
      this.flush();
    }, outputWindowMs).unref();
  }
}

/** From now on the streams of this thread say what they are given to `tell`. */
export const captureOutput = (tell: (said: Omit<Said, 'kind'>) => void): void => {
  const output = new Output(tell);
  const write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    output.add(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    const written = rest.at(-1);
    if (typeof written === 'function') process.nextTick(written);
    return true;
  };
  process.stdout.write = write as Write;
  process.stderr.write = write as Write;
  process.once('exit', () => output.flush());
};
