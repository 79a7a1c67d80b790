/**
 * Groups of append calls on their way to PostgreSQL: from calls to the columns that the server's
 * function takes, and from its answer to who was refused.
 */
import { type Append, JournalError } from './journal.ts';
import type { Row } from './pg-line.ts';
import { conflictText } from './sequence.ts';

/** Entries in one group: bounds the wait of the first for the last. */
const groupEntriesMax = 10_000;

/** Appends in one group: the server looks each of them up in lists. */
const groupAppendsMax = 500;

/** Characters in one group: far below what one message to the server may hold. */
const groupCharsMax = 16 * 1024 * 1024;

export interface Waiting {
  readonly appends: readonly Append[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The values of one call of `append`, from the calls on; the same whenever it is asked again. */
export type Group = readonly (readonly unknown[])[];

/** How many of the first calls make one group: at least one, and about `entriesMax` entries. */
export const groupSize = (waiting: readonly Waiting[], entriesMax = groupEntriesMax): number => {
  let [entries, appends, chars] = [0, 0, 0];
  for (let size = 0; size < waiting.length; size++) {
    for (const { bodies } of (waiting[size] as Waiting).appends) {
      appends++;
      entries += bodies.length;
      for (const body of bodies) chars += body.length;
    }
    const full = entries > entriesMax || appends > groupAppendsMax || chars > groupCharsMax;
    if (full) return Math.max(size, 1);
  }
  return waiting.length;
};

export const entriesOf = ({ appends }: Waiting): number =>
  appends.reduce((sum, { bodies }) => sum + bodies.length, 0);

export const groupOf = (calls: readonly Waiting[]): Group => {
  const [ofCall, names, seqs, epochs]: [number[], string[], number[], (number | null)[]] = [
    [],
    [],
    [],
    [],
  ];
  const [counts, ofAppend, places, all]: [number[], number[], number[], string[]] = [
    [],
    [],
    [],
    [],
  ];
  calls.forEach(({ appends }, call) => {
    for (const { stream, seq, bodies, epoch } of appends) {
      ofCall.push(call);
      names.push(stream);
      seqs.push(seq);
      epochs.push(epoch ?? null);
      counts.push(bodies.length);
      for (let place = 0; place < bodies.length; place++) {
        ofAppend.push(names.length);
        places.push(place);
        all.push(bodies[place] as string);
      }
    }
  });
  return [ofCall, names, seqs, epochs, counts, ofAppend, places, all];
};

interface Refused {
  readonly call: number;
  readonly stream: string;
  readonly seq: number;
  readonly next: number;
  /** Null: the stream is not there. */
  readonly epoch: number | null;
}

/** Call → why it was refused; undefined: the server knows this writer no longer. */
export const refusalsOf = (
  calls: readonly Waiting[],
  [row]: readonly Row[],
): ReadonlyMap<number, JournalError> | undefined => {
  const refused = row?.refused as readonly Refused[] | null | undefined;
  if (refused == null) return undefined;
  return new Map(refused.map((one) => [one.call, refusalOf(calls[one.call] as Waiting, one)]));
};

const refusalOf = ({ appends }: Waiting, { stream, seq, next, epoch }: Refused): JournalError => {
  const licence = appends.find((append) => append.stream === stream)?.epoch;
  if (licence !== undefined && epoch !== null && licence !== epoch) {
    const message = `stream ${stream}: another member has it (epoch ${epoch}, not ${licence})`;
    return new JournalError('fenced', message);
  }
  return new JournalError('conflict', conflictText(stream, next, seq));
};
