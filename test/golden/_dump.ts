/** Journals as SQL: small, readable, and seen in a review when one is changed. */
import Database from 'better-sqlite3';
import { SqliteStore } from '../../daemon/journal/store.ts';

const pragmas = ['application_id', 'user_version'] as const;

/** The statements that make a closed journal again. */
export const dumpOf = (path: string): string => {
  const db = new Database(path, { readonly: true });
  try {
    const lines = pragmas.map((name) => `PRAGMA ${name} = ${db.pragma(name, { simple: true })};`);
    const schema = 'SELECT name, sql FROM sqlite_schema WHERE type = ? ORDER BY rowid';
    for (const { name, sql } of db.prepare(schema).all('table') as Record<string, string>[]) {
      lines.push(`${sql};`);
      const columns = db.prepare(`SELECT * FROM ${name}`).columns();
      const quoted = columns.map((column) => `quote(${column.name})`).join(" || ',' || ");
      const rows = db.prepare(`SELECT ${quoted} FROM ${name} ORDER BY rowid`).pluck().all();
      for (const row of rows) lines.push(`INSERT INTO ${name} VALUES (${row});`);
    }
    return `${lines.join('\n')}\n`;
  } finally {
    db.close();
  }
};

export const restore = (path: string, dump: string): void => {
  const db = new Database(path);
  db.exec(dump);
  const format = Number(db.pragma('user_version', { simple: true }));
  db.close();
  // Format 1 had no mark; of all others it was left behind.
  if (format > 1) new SqliteStore(path, { accept: true }).close();
};
