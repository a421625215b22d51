// node --require peak.cjs …: at its end the process writes the most memory it had, in bytes, to the
// file PEAK_FILE names.
const { writeFileSync } = require('node:fs');

process.on('exit', () => {
  writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS * 1024));
});
