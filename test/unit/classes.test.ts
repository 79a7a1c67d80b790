/** Each method of the contract is classified, and whatever is not counts as changing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileRegistry, fromBinary, hasOption } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { classOf } from '../../daemon/cluster/classes.ts';
import { methods } from '../../proto/gen/methods.ts';
import { repoRoot } from '../_support/root.ts';

const image = readFileSync(join(repoRoot, 'proto/gen/siteswap.binpb'));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
const described = [...registry.files]
  .flatMap((file) => file.services)
  .filter(({ typeName }) => typeName.startsWith('siteswap.'))
  .flatMap((service) => service.methods);

test('classes: every method of the contract has a kind, and stands in the registry', (t) => {
  const kind = registry.getExtension('siteswap.v1.kind');
  if (kind === undefined) return t.fail('the contract has no option `kind`');
  const bare = described.filter((method) => !hasOption(method, kind));
  t.deepEqual(
    bare.map(({ name }) => name),
    [],
  );
  const paths = described.map(({ parent, name }) => `/${parent.typeName}/${name}`);
  t.deepEqual(Object.keys(methods).sort(), paths.sort());
});

test('classes: what looks and what changes, with a run and without', (t) => {
  const run = '/siteswap.v1.RunService';
  t.is(classOf(`${run}/GetRun`), 'monitor');
  t.is(classOf(`${run}/WatchRun`), 'monitor');
  t.is(classOf(`${run}/ListRuns`), 'read');
  t.is(classOf(`${run}/ResumeRun`), 'steer');
  t.is(classOf(`${run}/StartRun`), 'change');
  t.is(classOf('/siteswap.v1.InjectionService/EnableInjections'), 'local');
});

test('classes: a method that nobody knows is done once, by one member', (t) => {
  t.is(classOf('/siteswap.v1.RunService/Unheard'), 'change');
});
