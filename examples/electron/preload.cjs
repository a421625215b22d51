// Hands the page its end of the channel to the detector, and nothing else.
const { ipcRenderer } = require('electron');

ipcRenderer.on('detector', ({ ports }) => {
  window.postMessage('detector', window.location.origin, ports);
});
