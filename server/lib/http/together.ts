/** What is to be done when this turn of the event loop has read all that has come. */
let waiting: (() => void)[] = [];

/**
 * Has answers sent one right after the other. Sent each by itself, they wake clients while the next is made, which
 * takes the system as long as all the rest of a short request.
 */
export function together(send: () => void): void {
  if (waiting.push(send) > 1) return;
  setImmediate(() => {
    const all = waiting;
    waiting = [];
    for (const each of all) each();
  });
}
