/** Where the bytes of a TensorFlow Lite model's CONVERSION_METADATA lie, if it has one. */
export function conversionMetadata(model: Uint8Array): { start: number; size: number } | undefined;
