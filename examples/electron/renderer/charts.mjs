const SVG = 'http://www.w3.org/2000/svg';
const THRESHOLD = 0.5;

/** A line of the newest `length` values between 0 and 1. */
export class ProbabilityChart {
  #line;
  #values;

  constructor(svg, length) {
    this.#values = new Array(length).fill(0);
    svg.setAttribute('viewBox', `0 0 ${length - 1} 1`);
    svg.setAttribute('preserveAspectRatio', 'none');
    this.#line = svg.querySelector('polyline');
    const threshold = svg.querySelector('.threshold');
    const ends = { x1: 0, x2: length - 1, y1: 1 - THRESHOLD, y2: 1 - THRESHOLD };
    for (const [name, value] of Object.entries(ends)) threshold.setAttribute(name, value);
  }

  push(value) {
    this.#values.push(value);
    this.#values.shift();
    const points = this.#values.map((one, at) => `${at},${(1 - one).toFixed(4)}`);
    this.#line.setAttribute('points', points.join(' '));
  }
}

/** Bars as high as the counts, the highest as high as the chart. */
export function drawBars(svg, counts) {
  svg.setAttribute('viewBox', `0 0 ${counts.length} 1`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const highest = Math.max(1, ...counts);
  svg.replaceChildren(
    ...counts.map((count, bar) => {
      const rectangle = document.createElementNS(SVG, 'rect');
      const height = count / highest;
      const box = { x: bar + 0.1, width: 0.8, y: 1 - height, height };
      for (const [name, value] of Object.entries(box)) rectangle.setAttribute(name, value);
      return rectangle;
    }),
  );
}
