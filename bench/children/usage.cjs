// node --require usage.cjs …: at its end the process writes what it took into the file USAGE_FILE
// names, as JSON: `peakBytes`, the most memory it had, and `cpuSeconds` of the processors' time.
const { writeFileSync } = require('node:fs');

process.on('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const usage = { peakBytes: maxRSS * 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 };
  writeFileSync(process.env.USAGE_FILE, JSON.stringify(usage));
});
