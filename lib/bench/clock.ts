/** Nanoseconds of the monotonic clock since the process began, with a fraction. */
export const now = (): number => performance.now() * 1e6;
