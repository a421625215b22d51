import { probe, type ProbeRequest } from './probe';

// A process of its own, started by trial.ts: its last line is the report.
const request = JSON.parse(process.argv[2] ?? '{}') as ProbeRequest;
void probe(request).then((report) => {
  process.stdout.write(`\n${JSON.stringify(report)}\n`);
});
