// The main process: a window, the detector in a process of its own, and a channel between the two.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { app, BrowserWindow, MessageChannelMain, net, protocol, utilityProcess } from 'electron';

import { pageFile } from './page-files.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const models = app.isPackaged
  ? join(process.resourcesPath, 'models')
  : fileURLToPath(new URL('../../models', import.meta.url));

// A page of an origin of its own: modules, the microphone and audio worklets need one.
const privileges = { standard: true, secure: true, supportFetchAPI: true };
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges }]);

function servePage() {
  protocol.handle('app', ({ url }) => {
    const file = pageFile(new URL(url).pathname);
    if (file === undefined) return new Response('not found', { status: 404 });
    return net.fetch(pathToFileURL(file).href);
  });
}

function openWindow() {
  const window = new BrowserWindow({
    width: 920,
    height: 720,
    title: 'Listener',
    webPreferences: {
      preload: join(here, 'preload.cjs'),
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
    },
  });
  const { session } = window.webContents;
  session.setPermissionRequestHandler((_, permission, answer) => answer(permission === 'media'));
  window.webContents.setWindowOpenHandler(() => ({ action: 'deny' }));
  window.webContents.on('will-navigate', (event) => event.preventDefault());
  return window;
}

/** A detector for the page: each page that is loaded has one, over a channel that is theirs alone. */
function connect(window) {
  let detector;
  window.webContents.on('did-finish-load', () => {
    detector?.kill();
    detector = utilityProcess.fork(join(here, 'detector.mjs'), [], { serviceName: 'detector' });
    const { port1, port2 } = new MessageChannelMain();
    detector.postMessage({ models }, [port1]);
    window.webContents.postMessage('detector', null, [port2]);
  });
  window.on('closed', () => detector?.kill());
}

await app.whenReady();
servePage();
const window = openWindow();
connect(window);
await window.loadURL('app://listener/index.html');
app.on('window-all-closed', () => app.quit());
