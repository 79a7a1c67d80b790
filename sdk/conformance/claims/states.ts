/** Claims about calls in the wrong state: refused by the right fault, with nothing done. */
import type { FaultKind, TargetVerb } from '../../plugin/index.ts';
import { type ClaimDefinition, touching } from '../claim.ts';
import { mustFault } from '../expect.ts';
import { claim, show } from '../failure.ts';
import type { Side } from '../fixture.ts';
import { compute, type Need, storage, verbs } from '../needs.ts';
import { mustBeDone } from '../remote.ts';
import type { ComputeState } from '../world.ts';

interface WrongRole {
  readonly title: string;
  readonly verb: TargetVerb;
  readonly side: Side;
  readonly args?: object;
  readonly needs?: readonly Need[];
}

const wrongRoles: readonly WrongRole[] = [
  { title: 'promote at the source', verb: 'failover', side: 'source', args: { force: false } },
  { title: 'demote at the target', verb: 'prepareFailover', side: 'target' },
  {
    title: 'unforced promote while the source is not demoted',
    verb: 'failover',
    side: 'target',
    args: { force: false },
  },
  { title: 'reverse at a side that was not promoted', verb: 'reverse', side: 'target' },
];

const refusesRole = ({ title, verb, side, args = {} }: WrongRole): ClaimDefinition =>
  touching(
    `wrong state: ${title} → conflict, nothing done`,
    [...storage, { verb }],
    async (world) => {
      await world.bare();
      const [ended] = await world.array(side).call(verb, [world.group[side]], { args });
      mustFault(`${title} (${verb} of ${world.group[side].id})`, ended, ['conflict']);
      await world.checkStart();
    },
  );

interface WrongVmState {
  readonly title: string;
  readonly verb: TargetVerb;
  readonly from: ComputeState;
  readonly on: 'vm' | 'datastore';
  readonly kinds: readonly FaultKind[];
}

/** `missing` where the VM is no VM of the compute before it is registered. */
const wrongVmStates: readonly WrongVmState[] = [
  {
    title: 'register without its datastore',
    verb: 'register',
    from: 'bare',
    on: 'vm',
    kinds: ['conflict', 'missing'],
  },
  {
    title: 'power on, not registered',
    verb: 'powerOn',
    from: 'mounted',
    on: 'vm',
    kinds: ['conflict', 'missing'],
  },
  {
    title: 'unregister a VM that runs',
    verb: 'unregister',
    from: 'running',
    on: 'vm',
    kinds: ['conflict'],
  },
  {
    title: 'unmount below a VM that runs',
    verb: 'unmount',
    from: 'running',
    on: 'datastore',
    kinds: ['conflict'],
  },
];

const refusesVmState = ({ title, verb, from, on, kinds }: WrongVmState): ClaimDefinition =>
  touching(
    `wrong state: ${title} → ${kinds.join(' or ')}, nothing done`,
    [...compute, { verb }],
    async (world) => {
      await world.bring('source', from);
      const before = await world.vmStatus('source', world.vm);
      const target =
        on === 'vm' ? world.vmTarget(world.vm) : world.datastoreTarget('source', world.datastore);
      const [ended] = await world.compute('source').call(verb, [target]);
      mustFault(`${title} (${verb} of ${target.id})`, ended, kinds);
      const after = await world.vmStatus('source', world.vm);
      const same = after.power === before.power && after.registered === before.registered;
      claim(same, `${title}: refused, but the VM became ${show(after)}`);
    },
  );

/** A bad neighbour that exists: it is only not ready. */
const neighbour: ClaimDefinition = touching(
  'one bad target never fails its neighbours: failover, one source not demoted → conflict there',
  [...storage, { fixture: 'two groups' }, ...verbs('failover', 'prepareFailover')],
  async (world) => {
    await world.bare();
    const [ready, unready] = world.groups;
    claim(ready && unready, 'the fixture names two groups');
    await world.demote([ready]);
    const targets = [unready.target, ready.target];
    const ended = await world.array('target').call('failover', targets, { args: { force: false } });
    mustFault(
      `failover of ${unready.target.id}, source not demoted`,
      ended.find(({ id }) => id === unready.target.id),
      ['conflict'],
    );
    mustBeDone(
      'failover',
      ended.filter(({ id }) => id === ready.target.id),
    );
  },
);

/** Mount, register and power on at the passive side: somewhere on the way comes the refusal. */
const passiveVm: ClaimDefinition = touching(
  'wrong state: running a VM on a passive device → refused on the way',
  [...storage, ...compute, ...verbs('powerOn')],
  async (world) => {
    await world.bare();
    const remote = world.compute('target');
    const vm = world.vmTarget(world.vm);
    const datastores = (world.fixture.datastores ?? [])
      .filter(({ id }) => world.vm.datastoreIds.includes(id))
      .map((datastore) => world.datastoreTarget('target', datastore));
    const way: readonly [TargetVerb, typeof datastores][] = [
      ['mount', datastores],
      ['register', [vm]],
      ['powerOn', [vm]],
    ];
    for (const [verb, targets] of way) {
      const [refused] = (await remote.call(verb, targets)).filter(({ fault }) => fault);
      if (refused === undefined) continue;
      mustFault(`${verb} on a passive device`, refused, ['conflict', 'refused']);
      return;
    }
    claim(false, `${vm.id} runs at the target, on a device that is still passive`);
  },
);

export const stateClaims: readonly ClaimDefinition[] = [
  ...wrongRoles.map(refusesRole),
  ...wrongVmStates.map(refusesVmState),
  neighbour,
  passiveVm,
];
