/**
 * A small process that starts others for one that is large (`processes.ts`) and tells their ids. It
 * goes when nobody is left to be told; they stay.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** What is to be started. Its words are added to `log`, or begin it. */
export interface Order {
  readonly id: number;
  readonly program: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly adds: boolean;
  /** How much it gives way to others that want the processor, 0 to 19. */
  readonly nice: number;
}

export type Report = { readonly id: number } & (
  | { readonly pid: number }
  | { readonly error: string; readonly code?: string | undefined }
);

const tell = (report: Report): void => {
  process.send?.(report);
};

const refuse = (id: number, { message, code }: NodeJS.ErrnoException): void =>
  tell({ id, error: message, code });

/** A session of its own is weighed as one against others, where the system does so. */
const giveWay = (pid: number, nice: number): void => {
  setPriority(pid, nice);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    // It does not.
  }
};

const start = ({ id, program, args, log, adds, nice }: Order): void => {
  const words = openSync(log, adds ? 'a' : 'w', 0o600);
  try {
    const stdio = ['ignore' as const, words, words];
    const child = spawn(program, args, { detached: true, stdio, cwd: '/' });
    // Ahead of its threads, which take it over.
    if (child.pid !== undefined && nice > 0) giveWay(child.pid, nice);
    child.once('spawn', () => tell({ id, pid: child.pid as number }));
    child.once('error', (error) => refuse(id, error));
    child.unref();
  } finally {
    closeSync(words);
  }
};

process.on('message', (order: Order) => {
  try {
    start(order);
  } catch (error) {
    refuse(order.id, error as NodeJS.ErrnoException);
  }
});
