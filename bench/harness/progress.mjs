/** One line on a terminal's stderr that is written over; nothing in a pipe. */
export class Progress {
  #stream;

  constructor(stream = process.stderr) {
    this.#stream = stream.isTTY === true ? stream : undefined;
  }

  show(text) {
    this.#stream?.write(`\r\x1b[2K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }

  clear() {
    this.#stream?.write('\r\x1b[2K');
  }
}
