/**
 * Writes records of the contract's encoding into a buffer that grows and is used again. Held to the
 * contract's own code by the test of who uses it (packed.ts).
 */

const varint = 0;
const chunk = 2;
const tagOf = (field: number, wire: number): number => (field << 3) | wire;

const utf8BytesPerUnitMax = 3;

/** A length below takes one byte. */
const shortMax = 0x80;

/** Room for everything of a record, twice over, but for texts that are not short. */
const roomBytes = 4_096;

/** What four bytes of a number hold: beyond, it may be no integer that can be shifted. */
const fourBytes = 0x1000_0000;

export class Writer {
  bytes = Buffer.allocUnsafeSlow(64 * 1024);
  at = 0;

  /** A copy of its own, that can be handed to another thread. */
  written(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes.subarray(0, this.at));
  }

  #room(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  #number(value: number): void {
    const { bytes } = this;
    let { at } = this;
    let left = value;
    while (left >= fourBytes) {
      const over = Math.floor(left / fourBytes);
      const low = left - over * fourBytes;
      bytes[at++] = low | 0x80;
      bytes[at++] = (low >>> 7) | 0x80;
      bytes[at++] = (low >>> 14) | 0x80;
      bytes[at++] = (low >>> 21) | 0x80;
      left = over;
    }
    while (left > 0x7f) {
      bytes[at++] = left | 0x80;
      left >>>= 7;
    }
    bytes[at++] = left;
    this.at = at;
  }

  /** A number in a field below 16, whose tag is one byte; in any other: `wide`. */
  field(field: number, value: number): void {
    this.bytes[this.at++] = tagOf(field, varint);
    this.#number(value);
  }

  wide(field: number, value: number): void {
    this.#number(tagOf(field, varint));
    this.#number(value);
  }

  /** An empty one is left out. */
  text(field: number, text: string | undefined): void {
    if (text === undefined || text === '') return;
    this.bytes[this.at++] = tagOf(field, chunk);
    if (text.length < shortMax && this.#plain(text)) return;
    const length = Buffer.byteLength(text);
    this.#room(text.length * utf8BytesPerUnitMax + roomBytes);
    this.#number(length);
    this.at += this.bytes.write(text, this.at, length, 'utf8');
  }

  /**
   * A short text of ASCII, without leaving for the runtime's own code; four at a time, since this
   * is half of what a device costs.
   */
  #plain(text: string): boolean {
    const { bytes } = this;
    const { length } = text;
    let { at } = this;
    let all = 0;
    let unit = 0;
    bytes[at++] = length;
    for (; unit + 4 <= length; unit += 4, at += 4) {
      const first = text.charCodeAt(unit);
      const second = text.charCodeAt(unit + 1);
      const third = text.charCodeAt(unit + 2);
      const fourth = text.charCodeAt(unit + 3);
      all |= first | second | third | fourth;
      bytes[at] = first;
      bytes[at + 1] = second;
      bytes[at + 2] = third;
      bytes[at + 3] = fourth;
    }
    for (; unit < length; unit++) {
      const code = text.charCodeAt(unit);
      all |= code;
      bytes[at++] = code;
    }
    if (all > 0x7f) return false;
    this.at = at;
    return true;
  }

  /** Begins a record, for all of which there is room then; answers where it does. */
  record(field: number): number {
    this.#room(roomBytes);
    return this.open(field);
  }

  /** Begins a record in a record; answers where it does. */
  open(field: number): number {
    this.bytes[this.at++] = tagOf(field, chunk);
    return this.at++;
  }

  /** Ends the record that began there: its length goes before it. */
  close(before: number): void {
    const length = this.at - before - 1;
    if (length < shortMax) {
      this.bytes[before] = length;
      return;
    }
    const more = length <= 0x3fff ? 1 : length <= 0x1fffff ? 2 : 3;
    this.bytes.copyWithin(before + 1 + more, before + 1, this.at);
    this.at = before;
    this.#number(length);
    this.at += length;
  }
}
