// node scrape.mjs URL INTERVAL_MS, with an IPC channel: says 'ready', and between the messages 'start' and 'stop' asks
// for the URL at the interval as Prometheus does, over one connection. Answers 'stop' with
// {scrapes, failed, bytes} since the start.
import { Agent, get } from 'node:http';

const [url, intervalMs] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const accept =
  'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
let timer;
let counts;

function scrape() {
  const mine = counts;
  get(url, { agent, headers: { accept } }, (response) => {
    if (response.statusCode !== 200) mine.failed += 1;
    response.on('data', (chunk) => (mine.bytes += chunk.length));
    response.on('end', () => (mine.scrapes += 1));
  }).on('error', () => (mine.failed += 1));
}

process.on('message', (message) => {
  clearInterval(timer);
  if (message === 'start') {
    counts = { scrapes: 0, failed: 0, bytes: 0 };
    timer = setInterval(scrape, Number(intervalMs));
  } else {
    process.send(counts);
  }
});
process.send('ready');
process.on('disconnect', () => process.exit());
