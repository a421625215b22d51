/**
 * Joins a stream of scores into segments: from the first score over `threshold` to the last one
 * before a pause longer than `pause` seconds. What is shorter than `shortest` seconds is left out.
 */
export function findSegments(scores, { threshold = 0.5, pause = 0.3, shortest = 0 } = {}) {
  const segments = [];
  for (const { start, end, score } of scores) {
    if (score < threshold) continue;
    const last = segments.at(-1);
    if (last && start - last.end <= pause) {
      last.end = end;
      if (score > last.confidence) Object.assign(last, { confidence: score, peak: end });
    } else {
      segments.push({ start, end, confidence: score, peak: end });
    }
  }
  return segments.filter(({ start, end }) => end - start >= shortest);
}
