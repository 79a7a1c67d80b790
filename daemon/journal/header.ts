/**
 * The first 100 bytes of the journal's file, read by hand: SQLite might already change something.
 * Migrations run without a log, so that they always tell the format.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { JournalError } from './journal.ts';
import { markPathOf, readMark } from './mark.ts';
import { damaged } from './refusal.ts';

/** Marks a SQLite file as a journal of ours: "Site" in ASCII. */
export const applicationId = 0x53697465;

/** Newest format that this program knows. */
export const formatNewest = 2;

/** 0: there is no such file, or nothing in it. */
export const sizeOf = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Refuses what cannot be a journal, what is newer than this program, and what is gone. */
export const refuseByHeader = (path: string): void => {
  // Creation or migration was cut short: SQLite's own rollback comes first.
  if (sizeOf(`${path}-journal`) > 0) return;
  const logged = sizeOf(`${path}-wal`) > 0;
  if (sizeOf(path) === 0) {
    refuseEmpty(path, logged);
    return;
  }
  const [header, bytes] = read(path);
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
    throw damaged(path, 'it does not begin as a journal does');
  }
  if (header.readUInt32BE(68) !== applicationId) {
    throw damaged(path, 'it is a database, but not a journal of Siteswap');
  }
  refuseFormat(path, header.readUInt32BE(60));
  // With other values SQLite reads without the log, or does not write.
  const [writes, reads] = [header[18], header[19]];
  if (writes !== reads || (writes !== 1 && writes !== 2)) {
    throw damaged(path, `its header asks for versions ${writes} and ${reads} of SQLite's files`);
  }
  // With a log the file may rightly be shorter: the rest is still in the log.
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const expected = header.readUInt32BE(28) * pageBytes;
  if (!logged && bytes < expected) {
    throw damaged(path, `it should have ${expected} bytes and has ${bytes}`);
  }
};

const refuseEmpty = (path: string, logged: boolean): void => {
  if (logged) throw damaged(path, 'it is missing or empty, but its log (-wal) holds entries');
  const commits = readMark(path)?.commits ?? 0;
  if (commits > 0) {
    const what = `it is missing or empty, but its mark ${markPathOf(path)} knows of ${commits}`;
    throw damaged(path, `${what} commits; to begin anew on purpose, remove the mark as well`);
  }
};

const read = (path: string): readonly [Buffer, number] => {
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, header, 0, 100, 0) < 100) throw damaged(path, 'it is cut short');
    return [header, fstatSync(file).size];
  } finally {
    closeSync(file);
  }
};

/** A mark that was written for an older format proves that the newer one is damage. */
const refuseFormat = (path: string, format: number): void => {
  if (format <= formatNewest) return;
  const marked = readMark(path);
  if (marked !== undefined && marked.format !== format) throw otherFormat(path, format, marked);
  throw newer(path, format);
};

export const otherFormat = (
  path: string,
  format: number,
  marked: { readonly format: number },
): JournalError => damaged(path, `it says format ${format}, and its mark format ${marked.format}`);

export const newer = (path: string, format: number): JournalError =>
  new JournalError(
    'newer-format',
    `The journal ${path} has format ${format}; this version knows formats up to ` +
      `${formatNewest}. It was left untouched: start the newer version that wrote it.`,
  );
