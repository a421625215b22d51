// Runs the suite against the package named (a specifier or a folder) and reports each case.
import { createRequire } from 'node:module';

import { reportCase } from '../lifecycle/children/cases.mjs';
import { suite } from './suite.mjs';

const ort = createRequire(import.meta.url)(process.argv[2]);
for (const [name, run] of Object.entries(suite(ort))) await reportCase(name, run);
