/**
 * Breaks a run three ways, through the SDK: a fault that parks it until a person decides, a daemon
 * that is killed in the middle of it, and a site that is lost.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connectLab,
  labSpec,
  protectionGroupOf,
  startLabWorld,
} from '@siteswap/plugin-lab/control';
import {
  Decision,
  Mode,
  PolicyActionType,
  Reach,
  type Run,
  RunEventType,
} from '@siteswap/sdk/client';
import { startDaemon, untilRun } from '@siteswap/sdk/testing';

const directory = await mkdtemp(join(tmpdir(), 'siteswap-break-'));
const socket = join(directory, 'lab.sock');
const spec = labSpec({ groups: 2, vmsPerGroup: 3 });

// The world is a process of its own: it goes on when the daemon is killed, as real arrays do.
const world = await startLabWorld({ socket, spec });
const lab = connectLab(socket);
const daemon = await startDaemon({ world });
const { client } = daemon;
const requester = 'ann';

const say = (text: string): void => console.log(text);
const howItEnded = ({ result }: Run): string => result.replace('RUN_RESULT_', '').toLowerCase();

/** How often the VMs were powered on at the far end, in all. */
const powerOns = async (): Promise<number> => {
  const effects = await lab.effects('powerOn');
  return effects.reduce((sum, { times }) => sum + times, 0);
};

try {
  await client.plans.create({
    id: 'all',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: [{ ...protectionGroupOf(spec, 'everything'), vms: undefined }],
    policies: {
      'promote-target': {
        rules: [],
        otherwise: { type: PolicyActionType.STOP, reach: Reach.RUN },
      },
    },
  });

  say('1 · A fault parks the run, and a person decides');
  await lab.failNext({ verb: 'failover', kind: 'refused', targetIds: ['cg-0002'] });
  const first = await client.runs.start({ planId: 'all', mode: Mode.PLANNED, requester });
  const parked = await untilRun(client, first.runId, 'parked');
  say(`  ${parked.attention}`);
  for (const { itemId, step, fault } of parked.notes)
    say(`  ${itemId} at ${step}: ${fault?.message}`);
  say('  ann: the array is repaired, try again');
  await client.runs.resume({ runId: first.runId, requester, decision: Decision.RETRY });
  const moved = await untilRun(client, first.runId, 'ended');
  say(`  ${howItEnded(moved)}`);

  say('2 · The daemon is killed in the middle of a run');
  const back = await client.runs.start({ planId: 'all', mode: Mode.REPROTECT, requester });
  await untilRun(client, back.runId, 'ended');
  await lab.setLatency({ verb: 'powerOn', ms: 300 });
  const before = await powerOns();
  const second = await client.runs.start({ planId: 'all', mode: Mode.PLANNED, requester });
  for await (const event of client.runs.watch(second.runId)) {
    if (event.type === RunEventType.TASK_STARTED && event.step === 'power-on') break;
  }
  await daemon.kill();
  say('  killed while it powers VMs on; nothing of Siteswap runs now');
  await daemon.restart();
  const resumed = await untilRun(client, second.runId, 'ended');
  say(`  ${howItEnded(resumed)}, after ${(await powerOns()) - before} power-ons of 6 VMs`);

  say('3 · A site is lost');
  const again = await client.runs.start({ planId: 'all', mode: Mode.REPROTECT, requester });
  await untilRun(client, again.runId, 'ended');
  await lab.loseSite('site-a');
  await client.sites.declareLost({ siteId: 'site-a', requester, reason: 'fire in hall 2' });
  const third = await client.runs.start({ planId: 'all', mode: Mode.DISASTER, requester });
  const saved = await untilRun(client, third.runId, 'ended');
  const calls = await lab.calls('lab-a');
  say(`  ${howItEnded(saved)}, with ${calls.whileDown} calls to the lost array`);
  say(`  violations that the world found: ${(await lab.verify()).length}`);
} finally {
  await daemon.stop();
  lab.close();
  await world.close();
  await rm(directory, { recursive: true });
}
