/** Images as files, by `qemu-img`: what no daemon does. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { failure } from './faults.ts';
import { imageToolMsMax } from './limits.ts';

const run = promisify(execFile);

/** `qemu-img`, its words kept when it fails. Whoever gives it up ends it. */
const imageTool = async (args: readonly string[], signal?: AbortSignal): Promise<void> => {
  const bounds = { timeout: imageToolMsMax, encoding: 'utf8' } as const;
  try {
    await run('qemu-img', args, signal === undefined ? bounds : { ...bounds, signal });
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    if (signal?.aborted) throw failure('interrupted', `qemu-img ${args[0]} was given up`);
    throw failure('refused', `qemu-img ${args[0]}: ${stderr.trim() || message}`);
  }
};

/** A new image, empty, upon another one or upon nothing. */
export const createImage = async (
  path: string,
  sizeBytes: number,
  below?: string,
): Promise<void> => {
  const backing = below === undefined ? [] : ['-F', 'qcow2', '-b', below];
  await imageTool(['create', '-q', '-f', 'qcow2', ...backing, path, String(sizeBytes)]);
};

/**
 * An image that stands by itself, of what another one shows with all below it; on disk when this
 * returns. QEMU's locks refuse one that somebody writes to.
 */
export const copyImage = (from: string, to: string, signal: AbortSignal): Promise<void> => {
  const formats = ['-f', 'qcow2', '-O', 'qcow2', '-t', 'writeback'];
  return imageTool(['convert', '-q', ...formats, from, to], signal);
};
