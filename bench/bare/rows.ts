/**
 * The limit of durable rates: rows as long as entries, put into SQLite many to a transaction, each
 * transaction synced to disk, with nobody to decide, call or answer.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** As many as wait for one sync with 64 calls in flight: an outcome and an intent each. */
const rowsPerSync = 128;
const body = JSON.stringify({ type: 'task-outcome', text: 'x'.repeat(80) });

/** Rows a second. */
export const rowRate = (workMs: number): number => {
  const directory = mkdtempSync(join(tmpdir(), 'siteswap-bench-'));
  const db = new Database(join(directory, 'bare.db'));
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.exec('CREATE TABLE entry (place INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT');
    const insert = db.prepare('INSERT INTO entry (body) VALUES (?)');
    const group = db.transaction(() => {
      for (let row = 0; row < rowsPerSync; row++) insert.run(body);
    });
    const begunMs = performance.now();
    let rows = 0;
    for (; performance.now() - begunMs < workMs; rows += rowsPerSync) group.immediate();
    return (rows / (performance.now() - begunMs)) * 1_000;
  } finally {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  }
};
