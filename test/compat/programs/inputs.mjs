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
const strokes = { H: 'M0 0V6M4 0V6M0 3H4', E: 'M4 0H0V6H4M0 3H3', L: 'M0 0V6H4', O: 'M0 0H4V6H0Z' };

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

/** A picture of a person before a wall, as far as circles go. */
export function portrait() {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320">
    <rect width="320" height="320" fill="#9fc5e8"/>
    <ellipse cx="160" cy="330" rx="110" ry="120" fill="#7a1f2b"/>
    <circle cx="160" cy="140" r="70" fill="#e0b08c"/>
    <circle cx="135" cy="130" r="8"/><circle cx="185" cy="130" r="8"/>
    <path d="M130 170Q160 195 190 170" fill="none" stroke="#702020" stroke-width="6"/></svg>`);
}
