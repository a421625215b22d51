import { encodePng } from '../../watch/tensorboard/png';
import { html, type Markup } from '../report/markup';
import type { Explanation, ImageShape } from './document';

const dataUrl = (png: Uint8Array): string =>
  `data:image/png;base64,${Buffer.from(png).toString('base64')}`;

/** The picture that the model was asked about, its values spread from black to white. */
function inputPng(input: readonly number[], image: ImageShape): Uint8Array {
  const { width, height, channels, channelsLast } = image;
  const pixels = width * height;
  const low = input.reduce((least, value) => Math.min(least, value), Infinity);
  const high = input.reduce((most, value) => Math.max(most, value), -Infinity);
  const shown = channels === 3 ? 3 : 1;
  const data = new Uint8Array(pixels * shown);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < shown; channel++) {
      const place = channelsLast ? pixel * channels + channel : channel * pixels + pixel;
      const value = ((input[place] ?? low) - low) / (high - low || 1);
      data[pixel * shown + channel] = Math.round(255 * value);
    }
  }
  return encodePng({ width, height, channels: shown, data }).png;
}

/** What speaks for the class in orange, what against it in blue, the more the less transparent. */
function mapPng(values: readonly number[], { width, height }: ImageShape): Uint8Array {
  const most = values.reduce((high, value) => Math.max(high, Math.abs(value)), 0) || 1;
  const data = new Uint8Array(width * height * 4);
  for (const [pixel, value] of values.entries()) {
    const strength = Math.min(1, Math.abs(value) / most);
    data.set(value > 0 ? [255, 106, 0] : [0, 110, 255], pixel * 4);
    data[pixel * 4 + 3] = Math.round(215 * strength);
  }
  return encodePng({ width, height, channels: 4, data }).png;
}

/** The picture, and beside it the picture with the map over it. */
export function picture({ input, values }: Explanation, image: ImageShape, words: string): Markup {
  const source = dataUrl(inputPng(input, image));
  const { width, height } = image;
  const size = html`width="${width}" height="${height}"`;
  return html`<figure class="pictures">
    <div class="picture"><img src="${source}" ${size} alt="the input" /></div>
    <div class="picture">
      <img src="${source}" ${size} alt="" /><img
        class="over"
        src="${dataUrl(mapPng(values, image))}"
        ${size}
        alt="${words}"
      />
    </div>
    <figcaption>
      Orange speaks for the answer, blue against it; what is not coloured does not matter.
    </figcaption>
  </figure>`;
}
