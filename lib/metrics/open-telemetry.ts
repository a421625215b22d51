import { OnliteError } from '../errors';

/** What is used of the package `@opentelemetry/api`, by its own names. */
export interface OpenTelemetryApi {
  readonly metrics: { getMeterProvider(): MeterProviderLike };
  readonly trace: {
    getTracerProvider(): TracerProviderLike;
    setSpan(context: never, span: never): unknown;
  };
  readonly context: { active(): unknown };
}

export interface MeterProviderLike {
  getMeter(name: string, version?: string): unknown;
}

export interface TracerProviderLike {
  getTracer(name: string, version?: string): unknown;
}

/**
 * The program's own `@opentelemetry/api`, which is loaded here if it was not before.
 *
 * @throws OnliteError ERR_UNSUPPORTED if it is not installed.
 */
export function openTelemetryApi(): OpenTelemetryApi {
  try {
    return require('@opentelemetry/api') as OpenTelemetryApi;
  } catch (cause) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'the package @opentelemetry/api is not installed: npm install @opentelemetry/api',
      { cause },
    );
  }
}
