/** Writes what is generated from code and comments; needs a build. Tests hold each equal. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withErrorTable } from '../dist/daemon/api/docs.js';
import { withVerdictTables } from '../dist/daemon/api/migration-docs.js';
import { withInstancesTable } from '../dist/daemon/core/instances/docs.js';
import { stepsPage } from '../dist/daemon/steps/docs.js';
import * as client from '../dist/sdk/client/index.js';
import { examplesModule } from '../dist/test/_support/examples.js';
import { matrixPage } from '../dist/test/fault/matrix.js';

const at = (path) => new URL(`../${path}`, import.meta.url);
const clientFolder = fileURLToPath(at('sdk/client'));

const pages = {
  'docs/steps.md': stepsPage,
  'docs/instances.md': (page) => withInstancesTable(page),
  'docs/migrations.md': withVerdictTables,
  'docs/injection-matrix.md': matrixPage,
  'proto/README.md': (page) => withErrorTable(page),
  'test/_support/generated/client-examples.ts': () =>
    examplesModule(clientFolder, Object.keys(client)),
};

for (const [path, write] of Object.entries(pages)) {
  writeFileSync(at(path), await write(readFileSync(at(path), 'utf8')));
}
