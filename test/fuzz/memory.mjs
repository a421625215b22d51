// Tensors in every kind of memory that a program may give, and what may happen to it.
import { Tensor } from 'onlite';

import { arrayOf, bytesOf, randomBytes } from './values.mjs';

/** Types that an asynchronous run copies from a pool's memory too: they may be indexes or masks. */
const copied = new Set(['int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64', 'bool']);

export const kinds = [
  'plain',
  'plain',
  'plain',
  'offset',
  'foreign',
  'shared',
  'growable',
  'resizable',
  'pooled',
  'pooled',
  'sharedPooled',
];

/** A tensor and what is known of its memory. */
export class Piece {
  /** Runs that may be using it, as far as JavaScript knows. */
  users = 0;
  /** A run that used it was abandoned: nobody knows when the native side ends. */
  isTainted = false;
  isLost = false;

  constructor(kind, tensor, view) {
    this.kind = kind;
    this.tensor = tensor;
    /** The memory, also when the tensor was disposed; undefined for strings. */
    this.view = view;
  }

  get isPooled() {
    return this.kind === 'pooled' || this.kind === 'sharedPooled';
  }

  get isShared() {
    return ['shared', 'growable', 'sharedPooled'].includes(this.kind);
  }

  /** Whether it may be written while a run that was given it is in flight. */
  get isSnapshot() {
    return !this.isPooled || copied.has(this.tensor.type);
  }

  write({ bytes, strings }) {
    if (strings === undefined) bytesOf(this.view).set(bytes);
    else for (const [index, text] of strings.entries()) this.tensor.data[index] = text;
  }

  /**
   * Overwrites the elements with others that are valid in themselves. Not those of a disposed
   * tensor, whose memory may be another's by now.
   */
  scribble(random) {
    if (this.isLost || (this.isPooled && this.tensor.location === 'none')) return;
    if (this.view === undefined) this.tensor.data.fill('scribbled');
    else this.write({ bytes: randomBytes(this.tensor.type, this.view.byteLength, random) });
  }

  /** Takes the memory away in the way that there is for its kind. Says whether it did. */
  lose() {
    const { buffer } = this.view ?? {};
    if (this.isLost || this.view === undefined || this.view.byteLength === 0) return false;
    if (this.kind === 'resizable') buffer.resize(0);
    else if (this.kind === 'plain' || this.kind === 'offset' || this.kind === 'foreign') {
      structuredClone(buffer, { transfer: [buffer] });
    } else return false;
    this.isLost = true;
    return true;
  }

  /** What is harmless: a growable buffer grows, a view of fixed length stays. */
  grow() {
    if (this.kind === 'growable') this.view.buffer.grow(this.view.buffer.maxByteLength);
    if (this.kind === 'resizable' && !this.isLost) {
      this.view.buffer.resize(this.view.buffer.maxByteLength);
    }
  }

  dispose() {
    if (this.isPooled) this.tensor.dispose();
  }
}

/**
 * A tensor with the elements given, in memory of the kind given.
 *
 * @param value - `{type, dims, bytes}` or `{type, dims, strings}`
 */
export function makePiece(world, random, value, kind = random.pick(kinds)) {
  const { type, dims, bytes, strings } = value;
  if (strings !== undefined) return new Piece('plain', new Tensor('string', [...strings], dims));
  const view =
    kind === 'pooled' || kind === 'sharedPooled' ? undefined : makeView(kind, type, bytes, random);
  let tensor;
  if (view === undefined) tensor = world.pools[kind].acquire(type, dims);
  else if (kind === 'foreign') tensor = { type, dims: [...dims], data: view };
  else tensor = new Tensor(type, view, dims);
  const piece = new Piece(kind, tensor, tensor.data);
  piece.write({ bytes });
  world.count(`memory ${kind}`);
  return piece;
}

function makeView(kind, type, bytes, random) {
  const Data = arrayOf(type);
  const size = Data.BYTES_PER_ELEMENT;
  const length = bytes.length / size;
  const maxByteLength = bytes.length + 256;
  switch (kind) {
    case 'offset': {
      const before = size * (1 + random.below(9));
      return new Data(new ArrayBuffer(before + bytes.length + 8), before, length);
    }
    case 'shared':
      return new Data(new SharedArrayBuffer(bytes.length));
    case 'growable':
      return new Data(new SharedArrayBuffer(bytes.length, { maxByteLength }), 0, length);
    case 'resizable':
      return new Data(new ArrayBuffer(bytes.length, { maxByteLength }), 0, length);
    default:
      return new Data(length);
  }
}
