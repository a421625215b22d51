export function report(value: unknown): void;
