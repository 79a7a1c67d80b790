/** Writes the pages that are generated from code; needs a build. A test holds them equal. */
import { writeFileSync } from 'node:fs';
import { stepsPage } from '../dist/daemon/steps/docs.js';

writeFileSync(new URL('../docs/steps.md', import.meta.url), await stepsPage());
