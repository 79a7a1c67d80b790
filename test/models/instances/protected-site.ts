/**
 * A protected site of small datastores, block by block, for the engine's own steps to work on: each
 * write to a datastore is a moment of its own, after which the engine may die, and as of which any
 * datastore may be found at the other site. Nothing here knows which copy ought to be chosen.
 */
import type { VmItem } from '../../../daemon/core/frozen.ts';
import type { StepCall, Verbs } from '../../../daemon/steps/step.ts';
import {
  type FileTarget,
  fault,
  type MoveTarget,
  recordPathOf,
  sealRecord,
} from '../../../sdk/plugin/index.ts';

/** A datastore as of a moment: the VM's blocks (absent: removed, or not there yet), and files. */
export interface Store {
  readonly blocks: readonly (number | undefined)[];
  readonly files: Readonly<Record<string, string>>;
  /** Of its newest write, as a file system would tell. */
  readonly writtenAt: number;
}

const blocksMax = 3;
const empty: Store = { blocks: [], files: {}, writtenAt: 0 };

export const hasDisk = ({ blocks }: Store): boolean => blocks.some((one) => one !== undefined);

/** What a copy holds, as a text: of a whole disk, every block. */
export const contentOf = ({ blocks }: Store): string =>
  Array.from({ length: blocksMax }, (_, at) => blocks[at] ?? '-').join();

/** The engine's process is gone. */
export class Killed extends Error {}

type Change = (store: Store) => Omit<Store, 'writtenAt'>;

export class ProtectedSite {
  readonly vmId = 'vm-1';
  /** Moment → datastore → what it held. */
  readonly moments: Readonly<Record<string, Store>>[] = [];
  /** Every content that the VM ever saw on its disk. */
  readonly seen = new Set<string>();
  /** Where the VM writes now. */
  live = 'A';
  mirror: { readonly to: string; readonly copied: Set<number> } | undefined;
  /** Writes of the engine until it dies. */
  killAfter = Number.POSITIVE_INFINITY;
  writes = 0;
  #stores: Record<string, Store>;
  #version = 0;

  constructor(names: readonly string[]) {
    this.#stores = Object.fromEntries(names.map((name) => [name, empty]));
    for (let at = 0; at < blocksMax; at++) this.#apply('A', withBlock(at, 0));
    this.seen.add(contentOf(this.#store('A')));
    this.moments.length = 0;
    this.moments.push({ ...this.#stores });
    this.guestWrites();
  }

  #store(name: string): Store {
    return this.#stores[name] ?? empty;
  }

  #apply(name: string, change: Change): void {
    const next = change(this.#store(name));
    this.#stores = { ...this.#stores, [name]: { ...next, writtenAt: this.moments.length + 1 } };
    this.moments.push({ ...this.#stores });
  }

  /** The guest writes one block; mirrored, to both copies, one after the other. */
  guestWrites(): void {
    this.#version++;
    const at = this.#version % blocksMax;
    this.#apply(this.live, withBlock(at, this.#version));
    this.seen.add(contentOf(this.#store(this.live)));
    if (this.mirror?.copied.has(at)) this.#apply(this.mirror.to, withBlock(at, this.#version));
  }

  /** One write of the engine, and a write of the guest behind it. */
  #write(name: string, change: Change, guest = true): void {
    if (this.writes >= this.killAfter) throw new Killed();
    this.writes++;
    this.#apply(name, change);
    if (guest) this.guestWrites();
  }

  #writeFile({ datastoreId, path, content = '' }: FileTarget): void {
    this.#write(datastoreId, (store) => ({ ...store, files: { ...store.files, [path]: content } }));
  }

  #removeFile({ datastoreId, path }: FileTarget): void {
    if (!(path in this.#store(datastoreId).files)) return;
    this.#write(datastoreId, (store) => {
      const { [path]: _, ...files } = store.files;
      return { ...store, files };
    });
  }

  #mirrorDisks({ fromDatastoreId, toDatastoreId }: MoveTarget): void {
    if (this.live === toDatastoreId) return;
    this.mirror = this.mirror?.to === toDatastoreId ? this.mirror : newMirror(toDatastoreId);
    for (let at = 0; at < blocksMax; at++) {
      if (this.mirror.copied.has(at)) continue;
      const value = this.#store(fromDatastoreId).blocks[at] ?? 0;
      const { copied } = this.mirror;
      this.#write(toDatastoreId, (store) => {
        copied.add(at);
        return withBlock(at, value)(store);
      });
    }
  }

  #cutOver({ id, toDatastoreId, record = '' }: MoveTarget): void {
    if (this.live === toDatastoreId) return;
    const digest = contentOf(this.#store(this.live));
    const sealed = sealRecord(record, digest);
    this.#write(
      toDatastoreId,
      (store) => ({ ...store, files: { ...store.files, [recordPathOf(id)]: sealed } }),
      false,
    );
    this.live = toDatastoreId;
    this.mirror = undefined;
    this.guestWrites();
  }

  #removeDisks(target: MoveTarget, end: 'from' | 'to'): void {
    const name = end === 'from' ? target.fromDatastoreId : target.toDatastoreId;
    if (this.mirror?.to === name) this.mirror = undefined;
    for (let at = 0; at < blocksMax; at++) {
      if (this.#store(name).blocks[at] !== undefined) this.#write(name, withBlock(at, undefined));
    }
  }

  /** The verbs that the steps of a storage migration call. */
  get remote(): Verbs {
    const each =
      <T extends { readonly id: string }, A extends object>(work: (target: T, args: A) => object) =>
      async (targets: readonly T[], args: A) =>
        targets.map((target) => ({ id: target.id, ok: true, ...work(target, args) }));
    const done =
      <T, A>(work: (target: T, args: A) => void) =>
      (target: T, args: A) => {
        work(target, args);
        return {};
      };
    const readFile = async (targets: readonly FileTarget[]) =>
      targets.map(({ id, datastoreId, path }) => {
        const content = this.#store(datastoreId).files[path];
        return content === undefined
          ? { id, fault: fault('missing', `no file ${path}`) }
          : { id, value: { content } };
      });
    return {
      readFile,
      writeFile: each(done((target: FileTarget) => this.#writeFile(target))),
      removeFile: each(done((target: FileTarget) => this.#removeFile(target))),
      mirrorDisks: each(done((target: MoveTarget) => this.#mirrorDisks(target))),
      cutOver: each(done((target: MoveTarget) => this.#cutOver(target))),
      removeDisks: each(
        done((target: MoveTarget, { end }: { end: 'from' | 'to' }) =>
          this.#removeDisks(target, end),
        ),
      ),
    } as unknown as Verbs;
  }

  call(item: VmItem): StepCall<VmItem> {
    return {
      remote: this.remote,
      items: [item],
      side: 'protected',
      mode: 'device',
      instance: 'production',
    };
  }
}

const newMirror = (to: string) => ({ to, copied: new Set<number>() });

const withBlock =
  (at: number, value: number | undefined): Change =>
  (store) => ({
    ...store,
    blocks: Array.from({ length: blocksMax }, (_, i) => (i === at ? value : store.blocks[i])),
  });
