/**
 * Whether a client would rather have OpenMetrics 1.0 than Prometheus' text format: its
 * `Accept` names the type, in a version that is this one, with a quality that is not lower.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  let openMetrics = 0;
  let text = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === 'application/openmetrics-text' && isThisVersion(parameters)) {
      openMetrics = Math.max(openMetrics, quality);
    } else if (type === 'text/plain') {
      text = Math.max(text, quality);
    }
  }
  return openMetrics > 0 && openMetrics >= text;
}

function isThisVersion(parameters: readonly string[]): boolean {
  const version = valueOf(parameters, 'version');
  return version === undefined || version === '1.0.0';
}

function qualityOf(parameters: readonly string[]): number {
  const quality = Number(valueOf(parameters, 'q') ?? 1);
  return quality >= 0 && quality <= 1 ? quality : 0;
}

function valueOf(parameters: readonly string[], name: string): string | undefined {
  const found = parameters.find((parameter) => parameter.startsWith(`${name}=`));
  return found?.slice(name.length + 1).replace(/^"(.*)"$/, '$1');
}
