/**
 * After buf: the registry of methods, from the option `kind` of each; and without the modules of
 * what only describes the contract. The folder of generated code may be another one: for tests.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFileRegistry, fromBinary, getOption, hasOption } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const folder = process.argv[2] ?? fileURLToPath(new URL('../proto/gen', import.meta.url));
const image = fromBinary(FileDescriptorSetSchema, readFileSync(join(folder, 'siteswap.binpb')));
const registry = createFileRegistry(image);
const kindOption = registry.getExtension('siteswap.v1.kind');

/** `METHOD_KIND_MONITORING` → `monitoring`; undefined: nobody has classified it. */
const kindOf = (method) => {
  if (!hasOption(method, kindOption)) return undefined;
  const value = kindOption.enum.value[getOption(method, kindOption)];
  return value.name.replace('METHOD_KIND_', '').toLowerCase();
};

const lineOf = (service, method) => {
  const kind = kindOf(method);
  if (kind === undefined) return [];
  const namesRun = method.input.fields.some(({ name }) => name === 'run_id');
  const streams = method.methodKind !== 'unary';
  return `  '/${service.typeName}/${method.name}': {
    kind: '${kind}',
    namesRun: ${namesRun},
    streams: ${streams},
  },`;
};

const services = [...registry.files]
  .flatMap((file) => file.services)
  .filter(({ typeName }) => typeName.startsWith('siteswap.'))
  .sort((a, b) => (a.typeName < b.typeName ? -1 : 1));
const lines = services.flatMap((service) =>
  service.methods.flatMap((method) => lineOf(service, method)),
);

writeFileSync(
  join(folder, 'methods.ts'),
  `/** Written by \`npm run gen\` from the option \`kind\` of each method; not changed by hand. */

export interface Method {
  readonly kind: 'monitoring' | 'changing' | 'local';
  /** Its request has a \`run_id\`. */
  readonly namesRun: boolean;
  /** Its answer is a stream. */
  readonly streams: boolean;
}

/** By path, as gRPC spells it. */
export const methods: Readonly<Record<string, Method>> = {
${lines.join('\n')}
};
`,
);

for (const file of ['google/protobuf/descriptor.ts', 'siteswap/v1/method.ts']) {
  rmSync(join(folder, file), { force: true });
}
