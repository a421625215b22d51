/** Thrown by a case that cannot be measured here; the reason becomes part of the results. */
export class Skip extends Error {
  constructor(reason) {
    super(reason);
    this.name = 'Skip';
  }
}

/** A Skip of a case whose question does not arise, so that its target says nothing. */
export class Moot extends Skip {}
