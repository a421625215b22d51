// What the programs are given. A program is copied with this file and the recording.
import { readFileSync } from 'node:fs';

/** 44 bytes of RIFF header, then 16-bit samples. */
const headerBytes = 44;

/** Ten seconds of speech and silence, 16 kHz, one channel, -1 to 1. */
export function recording() {
  const file = readFileSync(new URL('recording.wav', import.meta.url));
  const samples = new Int16Array(file.buffer.slice(file.byteOffset + headerBytes));
  return Float32Array.from(samples, (sample) => sample / 0x8000);
}

/** Yields whole frames; what is left over at the end is not one. */
export function* frames(samples, length) {
  for (let start = 0; start + length <= samples.length; start += length) {
    yield samples.slice(start, start + length);
  }
}

/** Letters as strokes on a grid of 4 by 6. */
const strokes = {
  H: 'M0 0V6M4 0V6M0 3H4',
  E: 'M4 0H0V6H4M0 3H3',
  L: 'M0 0V6H4',
  O: 'M1 0H3L4 1V5L3 6H1L0 5V1Z',
};

/** A picture with the word HELLO, drawn without a font, as machines have others. */
export function wordPicture() {
  const letters = Array.from('HELLO', (letter, index) => {
    return `<path transform="translate(${index * 6} 0)" d="${strokes[letter]}"/>`;
  });
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="640" height="240">
    <rect width="640" height="240" fill="white"/>
    <g transform="translate(100 60) scale(15 18)" fill="none" stroke="black" stroke-width="0.8">
      ${letters.join('')}
    </g></svg>`);
}

/** A picture of a person before a wall, as far as a drawing goes. */
export function portrait() {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320">
    <radialGradient id="skin" cx="45%" cy="40%">
      <stop offset="40%" stop-color="#e8bd9a"/><stop offset="100%" stop-color="#b07a58"/>
    </radialGradient>
    <rect width="320" height="320" fill="#9fc5e8"/>
    <ellipse cx="160" cy="330" rx="110" ry="90" fill="#7a1f2b"/>
    <rect x="135" y="190" width="50" height="60" fill="#b98560"/>
    <ellipse cx="160" cy="125" rx="74" ry="88" fill="#3a2416"/>
    <ellipse cx="160" cy="145" rx="60" ry="80" fill="url(#skin)"/>
    <path d="M100 120Q125 70 160 75Q200 70 220 120Q200 95 160 98Q120 95 100 120" fill="#3a2416"/>
    <g fill="none" stroke="#3a2416" stroke-width="5">
      <path d="M118 122Q132 112 148 121M172 121Q188 112 202 122"/>
    </g>
    <ellipse cx="134" cy="137" rx="13" ry="7" fill="#f4efe8"/>
    <ellipse cx="186" cy="137" rx="13" ry="7" fill="#f4efe8"/>
    <circle cx="134" cy="137" r="6" fill="#3b2a1a"/><circle cx="186" cy="137" r="6" fill="#3b2a1a"/>
    <path d="M156 140L150 170Q160 178 170 170" fill="none" stroke="#8f5f43" stroke-width="4"/>
    <path d="M136 194Q160 186 184 194Q160 212 136 194" fill="#a3403f"/></svg>`);
}
