import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { readCommandLine } from '../../lib/cli/options';
import { readTextFormat } from '../../lib/cli/text-format';
import { servingOptions } from '../../lib/cli/tfserving-options';
import { UsageError } from '../../lib/cli/usage-error';

const folder = mkdtempSync(join(tmpdir(), 'onlite-serving-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
function file(text: string): string {
  files++;
  const path = join(folder, `${files}.config`);
  writeFileSync(path, text);
  return path;
}

describe("protobuf's text format", () => {
  it('is read', () => {
    const text = `
      # A comment.
      a: 1, b { c: "x\\"\\n" 'y' } ; b: < c: z.w >
      list: [1, -2.5e3, true] nested { nested { } }`;
    expect(readTextFormat(text)).toEqual({
      a: ['1'],
      b: [{ c: ['x"\ny'] }, { c: ['z.w'] }],
      list: ['1', '-2.5e3', 'true'],
      nested: [{ nested: [{}] }],
    });
    expect(readTextFormat('')).toEqual({});
    expect(readTextFormat('# nothing')).toEqual({});
  });

  it('is refused after a comment in no more time than after another', () => {
    // Would not end if a comment could be read in more than one way.
    expect(() => readTextFormat(`${'# '.repeat(200)}\n@`)).toThrow('what is no token');
  });

  it.each([
    ['a string', `a: "${'x'.repeat(20 << 20)}"`, 20 << 20],
    ['escapes', `a: '${'\\n'.repeat(1 << 20)}'`, 1 << 20],
    ['many strings', `a: ${'"x"'.repeat(1 << 20)}`, 1 << 20],
    ['comments', `${'#\n'.repeat(4 << 20)} a: x`, 1],
    ['blanks', `${' '.repeat(20 << 20)} a: x`, 1],
    ['a name', `a: ${'x'.repeat(20 << 20)}`, 20 << 20],
  ])('may have %s as long as memory is', (_, text, length) => {
    const { a = [] } = readTextFormat(text);
    expect(a.map((value) => (value as string).length)).toEqual([length]);
  });

  it('does not show all of what is too long', () => {
    const long = 'x'.repeat(1 << 20);
    for (const text of [
      `"${long}"`,
      long,
      `${long} {}`,
      `a: "${long}`,
      `model_config_list { config { name: "${long}" base_path: "/" } }`,
      `model_config_list { config { name: "a" base_path: "${long}" } }`,
      `model_config_list { config { name: "a" base_path: "b" model_version_policy { ${long} {} } } }`,
      `model_config_list { config { name: "a" base_path: "b" model_version_policy: "${long}" } }`,
    ]) {
      const asked = (): unknown => servingOptions([`--model_config_file=${file(text)}`]);
      expect(asked).toThrow(UsageError);
      expect(asked).toThrow(/^--model_config_file: [^]{1,300}$/);
    }
  });

  it.each([
    ['a message without end', 'a { b: 1', 'line 1'],
    ['a value that is missing', 'a:\n\n}', "line 3: expected a value, got '}'"],
    ['a value without its colon', 'a 1', "expected a value, got '1'"],
    ['what is no field', '"a": 1', 'expected a field'],
    ['what is nothing', 'a: @', 'what is no token'],
    ['a string without end', 'a: "b', 'what is no token'],
    ['messages in messages', 'a {'.repeat(100), 'nested more than'],
  ])('is not %s', (_, text, message) => {
    expect(() => readTextFormat(text)).toThrow(message);
  });
});

describe("TensorFlow Serving's options", () => {
  const models = file(`
    model_config_list {
      config {
        name: "half"
        base_path: "/models/half"
        model_platform: "tensorflow"
        model_version_policy { specific { versions: 42 versions: 43 } }
        version_labels { key: 'stable' value: 42 }
        version_labels { key: 'canary' value: 43 }
      }
      config: { name: 'other', base_path: '/models/other', model_version_policy: { latest: { num_versions: 2 } } }
      config { name: 'all' base_path: '/models/all' model_version_policy { all {} } }
    }`);

  it('become ours', () => {
    const batching = file(`
      max_batch_size { value: 128 }
      batch_timeout_micros { value: 500 }
      num_batch_threads { value: 4 }
      allowed_batch_sizes: 64
      allowed_batch_sizes: 128`);
    const line = readCommandLine([
      '--port=9000',
      '--rest_api_port=9001',
      `--model_config_file=${models}`,
      '--file_system_poll_wait_seconds=7',
      '--tensorflow_session_parallelism=3',
      '--tensorflow_intra_op_parallelism',
      '3',
      '--rest_api_timeout_in_ms=30000',
      '--allow_version_labels_for_unavailable_models',
      '--enable_model_warmup=false',
      '--enable_batching',
      '--flush_filesystem_caches=0',
      '--batching_parameters_file',
      batching,
    ]);
    expect(line.server).toEqual({
      restPort: 9001,
      grpcPort: 9000,
      pollSeconds: 7,
      models: {
        half: {
          path: '/models/half',
          config: {
            versionPolicy: { specific: { versions: ['42', '43'] } },
            labels: { stable: '42', canary: '43' },
          },
        },
        other: {
          path: '/models/other',
          config: { versionPolicy: { latest: { count: 2 } } },
        },
        all: { path: '/models/all', config: { versionPolicy: { all: {} } } },
      },
    });
    expect(line.models).toEqual({
      intraOpNumThreads: 3,
      warmUp: false,
      concurrency: 4,
      limits: { timeoutMs: 30_000 },
      batching: { maxBatchSize: 128, maxDelayMs: 0.5, allowedSizes: [64, 128] },
    });
  });

  it('leave our own as they are', () => {
    const line = readCommandLine(['a=first.onnx', '--rest-port', '1', '--poll_seconds', '3']);
    expect(line.server).toEqual({
      restPort: 1,
      pollSeconds: 3,
      models: { a: { path: 'first.onnx' } },
    });
    expect(line.models).toEqual({});
  });

  it.each([
    [['--monitoring_config_file=a'], '--monitoring_config_file: .* metrics are always at /metrics'],
    [['--ssl_config_file', 'a'], '--tls-cert'],
    [['--allow_version_labels_for_unavailable_models=false'], 'a label may always name'],
    [['--flush_filesystem_caches'], 'cache of the system'],
    [['--enable_batching=perhaps'], "expected true or false, got 'perhaps'"],
    [['--batching_parameters_file=a'], 'needs --enable_batching'],
    [['--model_config_file=/none/there'], '/none/there: ENOENT'],
    [['--model_config_file'], 'expected a file'],
    [['a.onnx', '--port=1', '--grpc-port', '2'], '--port 1 and --grpc-port 2 say different things'],
    [['--rest_api_timeout_in_ms'], '--rest_api_timeout_in_ms: expected a value'],
    [['a.onnx', '--rest_api_timeout_in_ms=soon'], "--timeout-ms: .* got 'soon'"],
    [
      [`--model_config_file=${file('model_config_list { config { name: "a" } }')}`],
      'base_path: expected one value',
    ],
    [
      [`--model_config_file=${file('custom_model_config { }')}`],
      'custom_model_config: is not known here',
    ],
    [
      [
        `--model_config_file=${file('model_config_list { config { name: "a" base_path: "/" logging_config {} } }')}`,
      ],
      String.raw`config\[0\]\.logging_config: is not known here`,
    ],
    [
      [
        `--model_config_file=${file('model_config_list { config { name: "a" base_path: "/" version_labels { key: "x" value: y } } }')}`,
      ],
      "expected a version, got 'y'",
    ],
    [
      [
        `--model_config_file=${file('model_config_list { config { name: "a" base_path: "/" } config { name: "a" base_path: "/" } }')}`,
      ],
      "'a' is there twice",
    ],
    [
      ['--enable_batching', `--batching_parameters_file=${file('max_batch_size { value: many }')}`],
      "max_batch_size: expected a whole number, got 'many'",
    ],
    [
      [
        '--enable_batching',
        `--batching_parameters_file=${file('pad_variable_length_inputs: true')}`,
      ],
      'are not padded',
    ],
  ])('%j are refused with the reason', (args, message) => {
    expect(() => readCommandLine(args)).toThrow(new RegExp(message));
  });
});
