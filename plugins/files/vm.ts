/**
 * A VM: a process that writes numbered heartbeats to its devices until it is told to stop.
 *
 *     node vm.js <compute directory> <instance> <vm> <boot id> [<source directory> <migration>]
 *
 * It needs no daemon. It writes only while it is the boot that its compute named, has a seat at
 * each group that it stands on, and each group still accepts its lineage; otherwise it ends itself
 * and says why. With a migration it takes over a boot that runs at another compute; and it hands
 * its own boot on when it finds one that leads away from here.
 */
import { mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '@siteswap/sdk/plugin';
import { openMigration, takeOver } from './arrival.ts';
import { type Boot, placeOf as placeOfVm, withCompute } from './compute.ts';
import { makeDeparture, type Seats, type Went } from './departure.ts';
import { failure, faultOrUnknown } from './faults.ts';
import { type GroupAt, groupAt, ownLicence, withGroup } from './group.ts';
import { encodeHeartbeat, placeOf, readExtent } from './heartbeat.ts';
import { imageFile, vmDirectory } from './layout.ts';
import { writerPollMs } from './limits.ts';
import { markCompleted, markPlaceholder } from './marks.ts';
import { conclude, type VmAt } from './migration.ts';
import { type Disks, Mirror, type Seated } from './mirror.ts';
import { thisProcess } from './processes.ts';
import { handSeat, makeLookout, type Sight, sitDown, standUp } from './seats.ts';
import { reachStorage } from './storage.ts';
import {
  type AckLog,
  openAckLog,
  type VmProcess,
  writeThrough,
  writeVmProcess,
} from './vm-process.ts';

const [directory, instance, vmId, bootId, sourceDirectory, migrationId] = process.argv.slice(2) as [
  string,
  Instance,
  string,
  string,
  string | undefined,
  string | undefined,
];
const vm = vmDirectory(directory, instance, vmId);
const here: VmAt = { directory, instance, id: vmId };

/** What this process says of itself from the start on. */
const self: Pick<VmProcess, 'bootId' | 'arrival' | 'acks'> =
  sourceDirectory === undefined || migrationId === undefined
    ? { bootId }
    : {
        bootId,
        arrival: { id: migrationId, directory: sourceDirectory },
        acks: `${bootId}.${migrationId}`,
      };

let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});

/** Claims the boot: only the one that the compute named may go on. */
const claimBoot = (): Promise<Boot> =>
  withCompute(directory, ownLicence(), async ({ state }) => {
    const boot = state.vms[placeOfVm(instance, vmId)]?.boot;
    if (boot?.bootId !== bootId) {
      throw failure('fenced', `boot ${bootId} of VM ${vmId} was given up`);
    }
    mkdirSync(vm, { recursive: true, mode: 0o700 });
    writeVmProcess(vm, { ...thisProcess(), ...self, phase: 'starting' });
    return boot;
  });

/** Claims the place beside the process that still writes. */
const claimArrival = async ({
  id,
  directory: from,
}: NonNullable<VmProcess['arrival']>): Promise<Boot> => {
  const { vm: coming } = await openMigration({ ...here, directory: from }, id);
  mkdirSync(vm, { recursive: true, mode: 0o700 });
  writeVmProcess(vm, { ...thisProcess(), ...self, phase: 'arriving' });
  await markPlaceholder(here, id);
  return coming.boot;
};

/** The groups that the VM stands on, each once. */
const groupsOf = async ({ disks }: Boot): Promise<GroupAt[]> => {
  const groups = new Map<string, GroupAt>();
  for (const { directory: storage, arrayId, groupId } of disks) {
    const at = groupAt(await reachStorage(storage, arrayId), groupId);
    groups.set(at.directory, at);
  }
  return [...groups.values()];
};

const openDisks = async ({ disks }: Boot): Promise<Disks> => {
  const fds: number[] = [];
  const groups: string[] = [];
  for (const { directory: storage, arrayId, groupId, deviceId } of disks) {
    const at = groupAt(await reachStorage(storage, arrayId), groupId);
    fds.push(openSync(imageFile(at.directory, deviceId, instance), 'r+'));
    groups.push(at.directory);
  }
  const ids = disks.map(({ datastoreId }) => datastoreId);
  return { fds, extents: disks.map(({ extent }) => extent), ids, groups };
};

/** What the disks held: where this boot goes on from. */
const lastOn = ({ fds, extents }: Disks): number =>
  extents
    .flatMap((extent, disk) => readExtent(fds[disk] as number, extent))
    .reduce((last, { sequence }) => Math.max(last, sequence), 0);

interface Writing {
  readonly disks: Disks;
  readonly acks: AckLog;
  readonly heartbeatMs: number;
  readonly ignoresShutDown: boolean;
  /** May it write, at every group it stands on? */
  readonly look: () => Sight;
  /** Writes to a second place, while a disk is on its way there. */
  readonly mirror: Mirror;
  /** Does it go on here? */
  readonly depart: (lastAtMs: number) => Promise<Went>;
  /** Acknowledges apart what follows on a heartbeat that the process at the target wrote. */
  readonly acknowledgeFrom: (resumedAt: number) => AckLog;
}

const beat = (
  { disks, mirror }: Writing,
  acks: AckLog,
  lineage: string,
  sequence: number,
): number => {
  const atMs = Date.now();
  const { disk, offset } = placeOf(sequence, disks.extents);
  const record = encodeHeartbeat({ sequence, atMs, lineage, bootId });
  writeThrough(disks.fds[disk] as number, record, offset);
  mirror.write(disk, record, offset);
  acks.note(sequence, atMs);
  return atMs;
};

/** A VM on several groups writes only while each of them lets it. */
const worstOf = (sights: readonly Sight[]): Sight => {
  const worst = ['stop', 'wait'].flatMap((go) => sights.find((one) => one.go === go) ?? [])[0];
  return worst ?? (sights.at(-1) as Sight);
};

/** Answers how it ended: asked to stop, or gone to another compute. */
const write = async (
  writing: Writing,
  from: number,
  started: () => void,
): Promise<'stopped' | 'gone'> => {
  let dueAt = 0;
  let lastAtMs = 0;
  let { acks } = writing;
  for (let sequence = from; !stopping || writing.ignoresShutDown; ) {
    const { go, lineage, extraMs } = writing.look();
    if (go === 'stop') throw failure('fenced', `VM ${vmId} lost the right to write`);
    if (go === 'write' && performance.now() >= dueAt && writing.mirror.ready) {
      lastAtMs = beat(writing, acks, lineage, sequence);
      if (sequence === from) started();
      sequence++;
      dueAt = performance.now() + writing.heartbeatMs + extraMs;
    }
    await sleep(Math.max(1, Math.min(writerPollMs, dueAt - performance.now())));
    if (lastAtMs === 0) continue;
    await writing.mirror.turn(lastAtMs);
    const went = await writing.depart(lastAtMs);
    if (went === 'gone') return went;
    if (went !== 'returned') continue;
    const last = lastOn(writing.disks);
    if (last >= sequence) acks = writing.acknowledgeFrom(last);
    sequence = last + 1;
  }
  return 'stopped';
};

/** The seats of this process at every group that it stands on. */
const seatsAt = (seated: readonly Seated[]): Seats => ({
  handTo: async (process) => {
    for (const { at } of seated) {
      await withGroup(at, ownLicence(), (held) =>
        handSeat(held, instance, { vmId, bootId, ...process }),
      );
    }
  },
  takeBack: async () => {
    for (const { at } of seated) {
      await withGroup(at, ownLicence(), (held) => sitDown(held, instance, { vmId, bootId }));
    }
  },
});

const run = async (
  boot: Boot,
  say: (what: Partial<VmProcess>) => void,
): Promise<'stopped' | 'gone'> => {
  const seated: Seated[] = [];
  try {
    let lineage = '';
    for (const at of await groupsOf(boot)) {
      lineage = await withGroup(at, ownLicence(), (held) =>
        sitDown(held, instance, { vmId, bootId }),
      );
      seated.push({ at, look: makeLookout(at, instance, { vmId, lineage }) });
    }
    const disks = await openDisks(boot);
    const resumedAt = lastOn(disks);
    const name = self.acks ?? bootId;
    const acks = openAckLog(vm, name, { bootId, lineage, resumedAt });
    const acknowledgeFrom = (last: number): AckLog => {
      const part = `${name}.${last}`;
      say({ acks: part });
      return openAckLog(vm, part, { bootId, lineage, resumedAt: last });
    };
    const look = () => worstOf(seated.map((one) => one.look()));
    const { heartbeatMs, ignoresShutDown } = boot;
    const depart = makeDeparture(here, seatsAt(seated));
    const mirror = new Mirror({
      at: here,
      bootId,
      disks,
      seats: seated,
      say: (mirroring) => say({ mirroring }),
    });
    const rhythm = { heartbeatMs, ignoresShutDown };
    const writing = { disks, acks, acknowledgeFrom, ...rhythm, look, depart, mirror };
    return await write(writing, resumedAt + 1, () => say({ phase: 'running', resumedAt }));
  } finally {
    for (const { at } of seated) standUp(at.directory, instance, vmId);
  }
};

const main = async (): Promise<void> => {
  const boot = await (self.arrival === undefined ? claimBoot() : claimArrival(self.arrival));
  let said: VmProcess = {
    ...thisProcess(),
    ...self,
    phase: self.arrival === undefined ? 'starting' : 'arriving',
  };
  const say = (what: Partial<VmProcess>): void => {
    said = { ...said, ...what };
    writeVmProcess(vm, said);
  };
  try {
    if (self.arrival !== undefined) {
      const source: VmAt = { ...here, directory: self.arrival.directory };
      await takeOver(source, self.arrival.id, await groupsOf(boot));
      await markCompleted(here, self.arrival.id);
    }
    const ended = await run(boot, say);
    say({ phase: 'ended' });
    if (ended === 'gone') await conclude(here);
  } catch (error) {
    const { kind, message } = faultOrUnknown(error);
    say({ phase: 'ended', reason: `${kind}: ${message}` });
    throw error;
  }
};

try {
  await main();
} catch (error) {
  const { kind, message } = faultOrUnknown(error);
  process.stderr.write(`${new Date().toISOString()} ${kind}: ${message}\n`);
  process.exitCode = kind === 'fenced' ? 3 : 1;
}
