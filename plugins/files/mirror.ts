/**
 * A VM's own part in moving its disk to another datastore. Between two writes it copies the next
 * piece; each write goes to both places, and is acknowledged only after both. To cut over it writes
 * no more, seals the record at the destination, and goes on there: whatever ends the process, what
 * is sealed tells where the VM is.
 */
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordPathOf, sealRecord } from '@siteswap/sdk/plugin';
import { readCatalog, writeCatalog } from './catalog.ts';
import type { VmDisk } from './compute.ts';
import { faultOrUnknown } from './faults.ts';
import { type GroupAt, groupAt, ownLicence, withGroup } from './group.ts';
import type { Extent } from './heartbeat.ts';
import { digestOfExtent } from './instances.ts';
import { imageFile, moveFile, vmDirectory } from './layout.ts';
import { chunkBytes, writerPollMs } from './limits.ts';
import type { VmAt } from './migration.ts';
import { advanceMove, followMove, isOpen, type Move, sealedDigest } from './move.ts';
import { licenceOf, makeLookout, type Sight, sitDown, standUp } from './seats.ts';
import { reachStorage } from './storage.ts';
import { writeThrough } from './vm-process.ts';

/** Where the VM writes, disk by disk; changed in place when one has moved. */
export interface Disks {
  readonly fds: number[];
  readonly extents: Extent[];
  /** Datastores, and the directories of the groups that they stand on. */
  readonly ids: string[];
  readonly groups: string[];
}

/** A group that the VM has a seat at, and its look before each write. */
export interface Seated {
  readonly at: GroupAt;
  readonly look: () => Sight;
}

interface Open {
  readonly move: Move;
  readonly disk: number;
  readonly fd: number;
  readonly image: string;
  readonly seated: Seated;
  /** Bytes that are copied already. */
  copied: number;
}

/** What the VM lends its mirror. */
export interface Mirrored {
  readonly at: VmAt;
  readonly bootId: string;
  readonly disks: Disks;
  /** Of the groups that it writes to; changed in place when a disk has moved. */
  readonly seats: Seated[];
  /** Tells the others which migration's copy it writes to. */
  readonly say: (mirroring: string | undefined) => void;
}

const placeOfImage = async ({ arrayId, directory, groupId, deviceId }: VmDisk) => {
  const at = groupAt(await reachStorage(directory, arrayId), groupId);
  return { at, image: imageFile(at.directory, deviceId, 'production') };
};

/** The newest record, read only when it has changed. */
const makeReader = ({ directory, instance, id }: VmAt): (() => Move | undefined) => {
  const file = moveFile(vmDirectory(directory, instance, id));
  let seen = '';
  let found: Move | undefined;
  return () => {
    const stat = statSync(file, { throwIfNoEntry: false });
    const now = stat === undefined ? '' : `${stat.ino}/${stat.mtimeMs}`;
    if (now === seen) return found;
    seen = now;
    found = stat === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as Move);
    return found;
  };
};

export class Mirror {
  readonly #vm: Mirrored;
  readonly #read: () => Move | undefined;
  #open: Open | undefined;
  #broken = false;
  /** Sealed: from here on there is no way back to the source. */
  #committed = false;

  constructor(vm: Mirrored) {
    this.#vm = vm;
    this.#read = makeReader(vm.at);
  }

  /** Looked at right before a write: false, it has to wait, for the copy cannot take it now. */
  get ready(): boolean {
    const go = this.#open?.seated.look().go;
    if (go === 'stop') this.#broken = true;
    return go !== 'wait';
  }

  /** What was just written, to the copy as well. A copy that was cut off is given up instead. */
  write(disk: number, record: Buffer, offset: number): void {
    const open = this.#open;
    if (open === undefined || open.disk !== disk || this.#broken) return;
    const from = this.#vm.disks.extents[disk] as Extent;
    writeThrough(open.fd, record, open.move.to.extent.offset + offset - from.offset);
  }

  /** One look, and one piece of work; `lastAtMs`: of the last acknowledged write. */
  async turn(lastAtMs: number): Promise<void> {
    const { bootId } = this.#vm;
    const move = this.#read();
    const wanted = move !== undefined && isOpen(move) && move.bootId === bootId;
    if (this.#open !== undefined && (!wanted || this.#open.move.id !== move.id)) this.close();
    if (!wanted) return;
    try {
      this.#open ??= await this.#begin(move);
      const { go } = this.#open.seated.look();
      if (go === 'wait') return;
      if (go === 'stop' || this.#broken)
        throw new Error(`${move.to.datastoreId} takes no writers any more`);
      if (move.state === 'copying') await this.#copy(this.#open);
      if (move.state === 'cutting') await this.#cut(this.#open, move, lastAtMs);
    } catch (error) {
      if (this.#committed) throw error;
      const reason = faultOrUnknown(error).message;
      this.close();
      await this.#fail(move, reason);
    }
  }

  /** Lets go of the copy. */
  close(): void {
    const open = this.#open;
    this.#open = undefined;
    this.#broken = false;
    if (open === undefined) return;
    closeSync(open.fd);
    const { at } = open.seated;
    const isShared = this.#vm.seats.some((seat) => seat.at.directory === at.directory);
    if (!isShared) standUp(at.directory, this.#vm.at.instance, this.#vm.at.id);
    this.#vm.say(undefined);
  }

  async #fail({ id }: Move, reason: string): Promise<void> {
    const open = ['copying', 'equal', 'cutting'] as const;
    await advanceMove(this.#vm.at, id, open, { state: 'failed', reason }).catch(() => undefined);
  }

  async #begin(move: Move): Promise<Open> {
    const { at: vm, bootId, disks, seats } = this.#vm;
    const { at, image } = await placeOfImage(move.to);
    const known = seats.find((seat) => seat.at.directory === at.directory);
    const writer = { vmId: vm.id, bootId };
    const seated = known ?? {
      at,
      look: makeLookout(at, vm.instance, {
        vmId: vm.id,
        lineage: await withGroup(at, ownLicence(), (held) => sitDown(held, vm.instance, writer)),
      }),
    };
    this.#vm.say(move.id);
    const disk = disks.ids.indexOf(move.from.datastoreId);
    return { move, disk, fd: openSync(image, 'r+'), image, seated, copied: 0 };
  }

  /** The next piece, as it is now: whatever is written later goes to both places. */
  async #copy(open: Open): Promise<void> {
    const { disks, at } = this.#vm;
    const from = disks.extents[open.disk] as Extent;
    const { to } = open.move;
    const length = Math.min(chunkBytes, from.length - open.copied);
    if (length > 0) {
      const piece = Buffer.alloc(length);
      readSync(disks.fds[open.disk] as number, piece, 0, length, from.offset + open.copied);
      writeSync(open.fd, piece, 0, length, to.extent.offset + open.copied);
      open.copied += length;
    }
    if (open.copied < from.length) return;
    fdatasyncSync(open.fd);
    await advanceMove(at, open.move.id, ['copying'], { state: 'equal' });
  }

  /** Nothing is written from here on until the VM stands at the destination, or stays. */
  async #cut(open: Open, move: Move, lastAtMs: number): Promise<void> {
    const { at: vm, disks } = this.#vm;
    const { image } = await placeOfImage(move.from);
    const digest = await digestOfExtent(image, disks.extents[open.disk] as Extent);
    if (digest !== (await digestOfExtent(open.image, move.to.extent))) {
      throw new Error(`the copies of VM ${vm.id} are not equal`);
    }
    await this.#seal(open, move, digest);
    this.#committed = true;
    // It is committed: the source gets no write any more, however long the compute is busy.
    for (;;) {
      try {
        await followMove(vm, move.id, { digest, interruptionMs: Date.now() - lastAtMs });
        break;
      } catch {
        await sleep(writerPollMs);
      }
    }
    this.#settleIn(open, move);
    this.#committed = false;
  }

  async #seal({ seated, image }: Open, move: Move, digest: string): Promise<void> {
    const { at: vm } = this.#vm;
    try {
      await withGroup(seated.at, ownLicence(), async ({ state }) => {
        licenceOf(state, vm.instance);
        const catalog = await readCatalog(image);
        if (catalog === undefined) throw new Error(`${image} holds no datastore any more`);
        const vms = catalog.vms.map((entry) => {
          const { copying, ...standing } = entry;
          return entry.id === vm.id && copying === move.id ? standing : entry;
        });
        const record = sealRecord(move.record ?? '', digest);
        const files = { ...catalog.files, [recordPathOf(vm.id)]: record };
        await writeCatalog(image, { ...catalog, vms, files });
      });
    } catch (error) {
      // Whether it is sealed is for the bytes to say.
      if ((await sealedDigest(move, vm.id)) === undefined) throw error;
    }
  }

  /** The VM writes to the destination alone, and gives up its seat where no disk of it is left. */
  #settleIn(open: Open, move: Move): void {
    const { at: vm, disks, seats } = this.#vm;
    closeSync(disks.fds[open.disk] as number);
    disks.fds[open.disk] = open.fd;
    disks.extents[open.disk] = move.to.extent;
    disks.ids[open.disk] = move.to.datastoreId;
    this.#open = undefined;
    if (!seats.includes(open.seated)) seats.push(open.seated);
    const left = disks.groups[open.disk] ?? '';
    disks.groups[open.disk] = open.seated.at.directory;
    this.#vm.say(undefined);
    if (disks.groups.includes(left)) return;
    const gone = seats.findIndex((seat) => seat.at.directory === left);
    if (gone >= 0) seats.splice(gone, 1);
    standUp(left, vm.instance, vm.id);
  }
}
