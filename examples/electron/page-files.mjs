import { fileURLToPath } from 'node:url';

const files = [
  'index.html',
  'style.css',
  'app.mjs',
  'audio.mjs',
  'charts.mjs',
  'microphone-worklet.mjs',
];
const urls = new Map(
  files.map((name) => [`/${name}`, new URL(`renderer/${name}`, import.meta.url)]),
);
urls.set('/recording.wav', new URL('../wake-word/recording.wav', import.meta.url));

/** The file of a page's address; undefined for what is not the page's. */
export function pageFile(path) {
  const url = urls.get(path);
  return url === undefined ? undefined : fileURLToPath(url);
}
