export { type Measured } from './families';
export { metricsPages, type MetricsNames } from './page';
export { RequestCounts, Transport, sharedRequestCounts } from './request-counts';
