import type { TensorValueMetadata } from 'onlite';

import {
  wireShape,
  type Duration,
  type ServedModel,
  type Traffic,
  type VersionStatus,
} from '../../../models';
import { ProtobufWriter } from '../../protobuf/writer';
import { datatypeOf } from '../datatypes';
import { indexEntry, modelStatistics, platformOf } from '../describe';

/** ServerMetadataResponse. */
export function printServer(version: string, extensions: readonly string[]): Buffer {
  const writer = new ProtobufWriter().string(1, 'onlite').string(2, version);
  for (const extension of extensions) writer.text(3, extension);
  return writer.finish();
}

/** ModelMetadataResponse. */
export function printMetadata(model: ServedModel, versions: readonly VersionStatus[]): Buffer {
  const { inputs, outputs } = model.signature();
  const writer = new ProtobufWriter().string(1, model.name);
  for (const { state, version } of versions) if (state === 'AVAILABLE') writer.text(2, version);
  writer.string(3, platformOf(model));
  const tensors = (field: number, values: readonly TensorValueMetadata[]) => {
    for (const value of values) {
      writer.message(field, (tensor) => {
        tensor.string(1, value.name).string(2, datatypeOf(value.type));
        tensor.integers(3, wireShape(value));
      });
    }
  };
  tensors(4, inputs);
  tensors(5, outputs);
  return writer.finish();
}

/** Triton's DataType by our names of element types. */
const configTypes: Readonly<Record<string, number>> = {
  bool: 1,
  uint8: 2,
  uint16: 3,
  uint32: 4,
  uint64: 5,
  int8: 6,
  int16: 7,
  int32: 8,
  int64: 9,
  float16: 10,
  float32: 11,
  float64: 12,
  string: 13,
  bfloat16: 14,
};

const KIND_CPU = 2;

/** ModelConfigResponse: what of Triton's configuration there is, as over REST. */
export function printConfig(model: ServedModel, { policy = 'all' }: Traffic): Buffer {
  const { inputs, outputs } = model.signature();
  const { engine, concurrency } = model.session;
  const writer = new ProtobufWriter();
  const tensors = (
    config: ProtobufWriter,
    field: number,
    dims: number,
    values: readonly TensorValueMetadata[],
  ) => {
    for (const value of values) {
      config.message(field, (tensor) => {
        tensor.string(1, value.name).integer(2, configTypes[value.type] ?? 0);
        tensor.integers(dims, wireShape(value));
      });
    }
  };
  return writer
    .message(1, (config) => {
      config.string(1, model.name).string(2, platformOf(model)).string(17, engine);
      config.message(3, (choice) => {
        if (policy === 'all') choice.message(2, () => undefined);
        else if ('latest' in policy)
          choice.message(1, (latest) => latest.integer(1, policy.latest));
        else
          choice.message(3, (specific) => specific.integers(1, BigInt64Array.from(policy, BigInt)));
      });
      tensors(config, 5, 4, inputs);
      tensors(config, 6, 3, outputs);
      config.message(7, (group) => {
        group.string(1, model.name).integer(2, concurrency).integer(4, KIND_CPU);
      });
      config.string(8, model.file.replace(/^.*[\\/]/, ''));
    })
    .finish();
}

/** ModelStatisticsResponse. */
export function printStatistics(models: readonly ServedModel[]): Buffer {
  const writer = new ProtobufWriter();
  for (const model of models) {
    const stats = modelStatistics(model);
    writer.message(1, (of) => {
      of.string(1, stats.name).string(2, stats.version);
      of.integer(3, stats.last_inference).integer(4, stats.inference_count);
      of.integer(5, stats.execution_count);
      const { success, fail, queue, compute_input, compute_infer, compute_output } =
        stats.inference_stats;
      of.message(6, (durations) => {
        const all = [success, fail, queue, compute_input, compute_infer, compute_output];
        for (const [index, duration] of all.entries())
          writeDuration(durations, index + 1, duration);
      });
      for (const batch of stats.batch_stats) {
        of.message(7, (size) => {
          size.integer(1, batch.batch_size);
          writeDuration(size, 3, batch.compute_infer);
        });
      }
    });
  }
  return writer.finish();
}

function writeDuration(writer: ProtobufWriter, field: number, { count, ns }: Duration): void {
  writer.message(field, (duration) => duration.integer(1, count).integer(2, Math.round(ns)));
}

/** RepositoryIndexResponse. */
export function printIndex(versions: readonly VersionStatus[]): Buffer {
  const writer = new ProtobufWriter();
  for (const status of versions) {
    const { name, version, state, reason } = indexEntry(status);
    writer.message(1, (entry) => {
      entry.string(1, name).string(2, version).string(3, state).string(4, reason);
    });
  }
  return writer.finish();
}
