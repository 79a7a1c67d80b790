/**
 * A list that a thing is put into and taken out of thousands of times a second: the links are the
 * thing's own, so neither costs more than a few assignments, whatever stands in the list.
 */

/** A place in a chain, made once for whatever stands there. */
export class Link<T> {
  readonly of: T;
  before: Link<T> | undefined;
  after: Link<T> | undefined;
  /** What it stands in. */
  chain: Chain<T> | undefined;

  constructor(of: T) {
    this.of = of;
  }

  /** Out of whatever it stands in. */
  cut(): void {
    this.chain?.remove(this);
  }
}

export class Chain<T> {
  first: Link<T> | undefined;
  #last: Link<T> | undefined;

  /** Puts a link that stands nowhere at the end. */
  add(link: Link<T>): void {
    link.chain = this;
    link.before = this.#last;
    if (this.#last === undefined) this.first = link;
    else this.#last.after = link;
    this.#last = link;
  }

  remove(link: Link<T>): void {
    const { before, after } = link;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    link.before = undefined;
    link.after = undefined;
    link.chain = undefined;
  }
}
