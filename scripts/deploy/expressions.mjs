// What deploy/ asks Prometheus: every expression of rules, dashboards and autoscalers.
import { parse, parseAllDocuments } from 'yaml';

/** What Grafana, Helm and prometheus-adapter put in, for any server. */
function filledIn(expression) {
  return expression
    .replaceAll('$__rate_interval', '10s')
    .replaceAll(/\$(namespace|job|model)/g, '.*')
    .replaceAll('<<.GroupBy>>', 'pod')
    .replaceAll('<<.LabelMatchers>>', 'namespace=~".*"');
}

/**
 * @param {(file: string) => string} read a file below deploy/
 * @returns {{where: string, expression: string, isAlert?: boolean}[]}
 */
export function expressions(read) {
  const found = [];
  const add = (where, expression, isAlert = false) =>
    found.push({ where, expression: filledIn(expression), isAlert });
  const documents = (file) => parseAllDocuments(read(file)).map((each) => each.toJS());

  for (const { rules } of parse(read('prometheus/rules.yaml')).groups) {
    for (const { record, alert, expr } of rules) add(record ?? alert, expr, alert !== undefined);
  }
  for (const { name, metricsQuery } of parse(read('prometheus/adapter.yaml')).rules.custom) {
    add(`adapter ${name.as}`, metricsQuery);
  }
  for (const { title, targets = [] } of JSON.parse(read('grafana/onlite.json')).panels) {
    for (const { expr } of targets) add(`panel ${title}`, expr);
  }
  for (const { spec } of documents('kustomize/components/keda/scaled-object.yaml')) {
    for (const { metadata } of spec.triggers) {
      if (metadata.query !== undefined) add('ScaledObject', metadata.query);
    }
  }
  for (const { metadata, spec } of documents('kserve/inference-service.yaml')) {
    for (const { external } of spec.predictor.autoScaling?.metrics ?? []) {
      const query = external.metric.query.replaceAll(`model="${metadata.name}"`, 'model="sum"');
      add(`InferenceService ${metadata.name}`, query);
    }
  }
  return found;
}
