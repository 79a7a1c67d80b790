import test from 'ava';
import type { FrozenRun, Gate, StorageItem, VmItem } from '../../daemon/core/frozen.ts';
import type { Inventory } from '../../daemon/core/inventory.ts';
import { canonicalId, inventoryOf, planOf, protect, sketch } from '../_support/inventory.ts';
import { frozenOf, planCases } from '../_support/plan-cases.ts';
import { holds } from '../_support/property.ts';

const vmsIn = (run: FrozenRun) => run.workgroups.filter(({ unit }) => unit === 'vm');
const storagesIn = (run: FrozenRun) => run.workgroups.filter(({ unit }) => unit === 'storage');

test('planner: any plan → every VM in exactly one workgroup, on its groups', (t) => {
  holds(t, planCases, (given) => {
    const run = frozenOf(given);
    const wanted = given.plan.protectionGroups.flatMap(({ vms }) => vms ?? []);
    const found = vmsIn(run).flatMap(({ items }) => items.map(({ id }) => id));
    t.deepEqual([...found].sort(), wanted.map(({ id }) => id).sort());
    for (const workgroup of vmsIn(run)) {
      const storage = run.workgroups[workgroup.storage]?.items as StorageItem[] | undefined;
      for (const vm of workgroup.items as VmItem[]) {
        const stores = vm.on.flatMap((i) => storage?.[i]?.datastores ?? []);
        t.deepEqual(stores.map(({ id }) => id).sort(), [...vm.datastoreIds].sort());
      }
    }
  });
});

test('planner: any plan → every group in exactly one workgroup, never split', (t) => {
  holds(t, planCases, (given) => {
    const items = storagesIn(frozenOf(given)).flatMap((group) => group.items as StorageItem[]);
    t.deepEqual(items.map(({ id }) => id).sort(), given.groups.map(canonicalId).sort());
    for (const group of given.groups) {
      const item = items.find(({ id }) => id === canonicalId(group));
      t.is(item?.protected.devices.length, group.devices);
      t.is(item?.recovery.devices.length, group.devices);
    }
  });
});

test('planner: any plan → workgroups within their sizes, of one priority, waiting alike', (t) => {
  holds(t, planCases, (given) => {
    const run = frozenOf(given);
    const byId = new Map(
      given.plan.protectionGroups.flatMap(({ vms }) => vms ?? []).map((vm) => [vm.id, vm]),
    );
    for (const { items, priority, dependsOn } of vmsIn(run)) {
      t.true(items.length <= given.plan.options.vmWorkgroupMax);
      const names = dependsOn.map(([group, item]) => run.workgroups[group]?.items[item]?.id);
      for (const { id } of items) {
        t.is(byId.get(id)?.priority, priority);
        t.deepEqual([...(byId.get(id)?.dependsOn ?? [])].sort(), names);
      }
    }
  });
});

/** (step, workgroup) pairs that must be over before another may begin, chains included. */
const edgesOf = (run: FrozenRun): [number, number][] => {
  const node = (step: number, workgroup: number) => step * run.workgroups.length + workgroup;
  const all = ({ step, workgroups }: Gate['waits']) => workgroups.map((i) => node(step, i));
  const gates = run.gates.flatMap(({ waits, holds }) =>
    all(waits).flatMap((from) => all(holds).map((to): [number, number] => [from, to])),
  );
  const chains = run.workgroups.flatMap(({ unit }, i) => {
    const own = run.steps.flatMap((step, k) => (step.unit === unit ? [node(k, i)] : []));
    return own.slice(1).map((to, k): [number, number] => [own[k] as number, to]);
  });
  return [...gates, ...chains];
};

/** Nodes that can run when each waits for all of its edges. */
const reachable = (edges: readonly [number, number][]): number => {
  const waits = new Map<number, number>();
  const after = new Map<number, number[]>();
  for (const [from, to] of edges) {
    waits.set(to, (waits.get(to) ?? 0) + 1);
    waits.set(from, waits.get(from) ?? 0);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  const ready = [...waits].flatMap(([id, count]) => (count === 0 ? [id] : []));
  for (let i = 0; i < ready.length; i++) {
    for (const next of after.get(ready[i] as number) ?? []) {
      const left = (waits.get(next) ?? 0) - 1;
      waits.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return waits.size - ready.length;
};

test('planner: any plan → gates and chains never close a circle', (t) => {
  holds(t, planCases, (given) => {
    t.is(reachable(edgesOf(frozenOf(given))), 0);
  });
});

test('planner: any plan → `after` names an earlier gate of the same step', (t) => {
  holds(t, planCases, (given) => {
    const { gates } = frozenOf(given);
    gates.forEach((gate, i) => {
      if (gate.after === undefined) return;
      t.true(gate.after < i);
      t.is(gates[gate.after]?.holds.step, gate.waits.step);
      t.deepEqual(gates[gate.after]?.holds.workgroups, gate.waits.workgroups);
    });
  });
});

test('planner: any plan → no final sync before the shut-down of every VM on it', (t) => {
  holds(t, planCases, (given) => {
    const run = frozenOf(given);
    const step = (name: string) => run.steps.findIndex((each) => each.name === name);
    for (const [position, { storage, unit }] of run.workgroups.entries()) {
      if (unit !== 'vm') continue;
      const held = run.gates.filter(
        ({ kind, waits, holds }) =>
          kind === 'stands-on' &&
          waits.step === step('shut-down') &&
          waits.workgroups.includes(position) &&
          holds.step === step('final-sync') &&
          holds.workgroups.includes(storage),
      );
      t.is(held.length, 1);
    }
  });
});

test('planner: any plan → a later priority is behind every earlier one at power-on', (t) => {
  holds(t, planCases, (given) => {
    const run = frozenOf(given);
    const step = run.steps.findIndex(({ name }) => name === 'power-on');
    const gates = run.gates.filter(({ kind, holds }) => kind === 'priority' && holds.step === step);
    const ranks = [...new Set(vmsIn(run).map(({ priority }) => priority))].sort();
    t.is(gates.length, given.plan.options.priorityGates ? Math.max(0, ranks.length - 1) : 0);
    gates.forEach(({ waits, holds }, i) => {
      const of = (rank: number | undefined) =>
        run.workgroups.flatMap((group, n) =>
          group.unit === 'vm' && group.priority === rank ? [n] : [],
        );
      t.deepEqual(waits.workgroups, of(ranks[i]));
      t.deepEqual(holds.workgroups, of(ranks[i + 1]));
    });
  });
});

test('planner: any plan → gates grow with workgroups and steps, not with their product', (t) => {
  holds(t, planCases, (given) => {
    const { gates, workgroups, steps } = frozenOf(given);
    const batches = given.plan.options.release.kind === 'batch' ? workgroups.length * 10 : 0;
    t.true(gates.length <= workgroups.length * 4 + steps.length + batches);
  });
});

test('planner: the same input in any order of the inventory → the same output', (t) => {
  holds(t, planCases, (given) => {
    const shuffled: Inventory = new Map(
      [...given.inventory].reverse().map(([id, evidence]) => [
        id,
        {
          ...evidence,
          devices: [...evidence.devices].reverse(),
          vms: [...evidence.vms].reverse(),
          datastores: [...evidence.datastores].reverse(),
        },
      ]),
    );
    const run = frozenOf(given);
    t.deepEqual(frozenOf(given), run);
    t.deepEqual(frozenOf({ ...given, inventory: shuffled }), run);
  });
});

test('planner: 10,000 VMs → as many workgroups as asked for, in linear work', (t) => {
  const groups = Array.from({ length: 100 }, (_, i) => ({ id: `g${i}` }));
  const vms = Array.from({ length: 10_000 }, (_, i) => ({ id: `vm${i}`, on: [`g${i % 100}`] }));
  const inventory = inventoryOf(sketch(groups, vms));
  const count = (vmWorkgroupMax: number) => {
    const plan = planOf([protect(groups)], { vmWorkgroupMax, storageWorkgroupMax: 1 });
    const run = frozenOf({ plan, inventory, groups });
    return vmsIn(run).length;
  };
  t.is(count(100), 100);
  t.is(count(1), 10_000);
});
