# What prebuildify and a source install through node-gyp build. Same sources, same settings as
# CMakeLists.txt; `node scripts/build-gyp.mjs --sync` rewrites the list from native/sources.cmake.
{
  "targets": [
    {
      "target_name": "onlite",
      "sources": [
        "native/core/batch_queue.cc",
        "native/core/batch_tensors.cc",
        "native/core/delay_timer.cc",
        "native/core/dtype.cc",
        "native/core/executor.cc",
        "native/core/hdr_encoding.cc",
        "native/core/heap_trim.cc",
        "native/core/histogram.cc",
        "native/core/histogram_layout.cc",
        "native/core/histogram_snapshot.cc",
        "native/core/quick_exit.cc",
        "native/core/run_statistics.cc",
        "native/core/status.cc",
        "native/core/tensor.cc",
        "native/runtimes/default_threads.cc",
        "native/runtimes/dynamic_library.cc",
        "native/runtimes/foreign_file.cc",
        "native/runtimes/model_file.cc",
        "native/runtimes/nvidia_management.cc",
        "native/runtimes/ort/binding.cc",
        "native/runtimes/ort/create_session.cc",
        "native/runtimes/ort/custom_ops.cc",
        "native/runtimes/ort/element_type.cc",
        "native/runtimes/ort/empty_tensors.cc",
        "native/runtimes/ort/environment.cc",
        "native/runtimes/ort/external_data.cc",
        "native/runtimes/ort/library.cc",
        "native/runtimes/ort/model_info.cc",
        "native/runtimes/ort/model_scan.cc",
        "native/runtimes/ort/providers.cc",
        "native/runtimes/ort/request.cc",
        "native/runtimes/ort/run_options.cc",
        "native/runtimes/ort/runtime.cc",
        "native/runtimes/ort/session.cc",
        "native/runtimes/ort/session_options.cc",
        "native/runtimes/ort/status.cc",
        "native/runtimes/ort/telemetry.cc",
        "native/runtimes/ort/tensors.cc",
        "native/runtimes/ort/wire.cc",
        "native/runtimes/tflite/error_log.cc",
        "native/runtimes/tflite/library.cc",
        "native/runtimes/tflite/model/call_graph.cc",
        "native/runtimes/tflite/model/flatbuffer.cc",
        "native/runtimes/tflite/model/metadata.cc",
        "native/runtimes/tflite/model/model.cc",
        "native/runtimes/tflite/model/model_info.cc",
        "native/runtimes/tflite/model/operator_list.cc",
        "native/runtimes/tflite/model/operator_names.cc",
        "native/runtimes/tflite/model/operator_options.cc",
        "native/runtimes/tflite/model/operator_support.cc",
        "native/runtimes/tflite/model/probe_model.cc",
        "native/runtimes/tflite/model/schema.cc",
        "native/runtimes/tflite/model/sparsity_verifier.cc",
        "native/runtimes/tflite/model/strings.cc",
        "native/runtimes/tflite/model/subgraph_verifier.cc",
        "native/runtimes/tflite/model/tensor_verifier.cc",
        "native/runtimes/tflite/model/variable_verifier.cc",
        "native/runtimes/tflite/model/verifier.cc",
        "native/runtimes/tflite/model/weight_support.cc",
        "native/runtimes/tflite/profile/operator_recorder.cc",
        "native/runtimes/tflite/profile/profile.cc",
        "native/runtimes/tflite/providers.cc",
        "native/runtimes/tflite/run/binding.cc",
        "native/runtimes/tflite/run/empty_tensors.cc",
        "native/runtimes/tflite/run/entry_runner.cc",
        "native/runtimes/tflite/run/interpreter.cc",
        "native/runtimes/tflite/run/interpreter_pool.cc",
        "native/runtimes/tflite/run/invocation.cc",
        "native/runtimes/tflite/run/placement.cc",
        "native/runtimes/tflite/run/request.cc",
        "native/runtimes/tflite/run/shape_checker.cc",
        "native/runtimes/tflite/run/tensor_observer.cc",
        "native/runtimes/tflite/run/tensors.cc",
        "native/runtimes/tflite/runtime.cc",
        "native/runtimes/tflite/session.cc",
        "native/runtimes/tflite/xnnpack/delegate.cc",
        "native/runtimes/tflite/xnnpack/packed_weights.cc",
        "native/runtimes/tflite/xnnpack/stand_ins.cc",
        "native/runtimes/tflite/xnnpack/weights.cc",
        "native/session/batch_support.cc",
        "native/session/batched_run.cc",
        "native/session/memory_policy.cc",
        "native/session/session_core.cc",
        "native/addon.cc",
        "native/napi/convert/batch_options.cc",
        "native/napi/convert/errors.cc",
        "native/napi/convert/run_options.cc",
        "native/napi/convert/session_info.cc",
        "native/napi/convert/tensor_arguments.cc",
        "native/napi/environment/environment.cc",
        "native/napi/environment/job.cc",
        "native/napi/environment/mailbox.cc",
        "native/napi/histogram/native_histogram.cc",
        "native/napi/process/gpu_job.cc",
        "native/napi/process/pages.cc",
        "native/napi/process/runtime_functions.cc",
        "native/napi/run/binding_run_job.cc",
        "native/napi/run/bound_memory.cc",
        "native/napi/run/held_result.cc",
        "native/napi/run/native_binding.cc",
        "native/napi/session/create_session.cc",
        "native/napi/session/latency_methods.cc",
        "native/napi/session/native_session.cc",
        "native/napi/session/profile_job.cc",
        "native/napi/session/session_gauges.cc",
        "native/napi/session/session_jobs.cc"
      ],
      "include_dirs": [
        "native",
        "<!(node -p \"require('node-addon-api').include_dir\")"
      ],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_ADDON_API_CPP_EXCEPTIONS_ALL",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      # node-gyp's defaults: no exceptions, no RTTI, another C++ standard.
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-fexceptions", "-fvisibility=hidden", "-fvisibility-inlines-hidden"],
      "cflags": ["-Wall", "-Wextra"],
      "conditions": [
        ["OS=='linux'", {
          # Node unloads an addon with the last worker that loaded it; the addon's threads stay.
          "ldflags": ["-Wl,-z,nodelete", "-Wl,--exclude-libs,ALL", "-pthread"],
          "libraries": ["-ldl"]
        }],
        ["OS=='mac'", {
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
            "CLANG_CXX_LIBRARY": "libc++",
            "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
            "GCC_ENABLE_CPP_RTTI": "YES",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "11.0"
          }
        }],
        ["OS=='win'", {
          "defines": ["NOMINMAX", "WIN32_LEAN_AND_MEAN", "_HAS_EXCEPTIONS=1"],
          "msvs_settings": {
            "VCCLCompilerTool": {
              "ExceptionHandling": 1,
              "RuntimeTypeInfo": "true",
              "RuntimeLibrary": 0,
              "AdditionalOptions": ["/std:c++20", "/utf-8", "/W4"]
            }
          }
        }]
      ]
    }
  ]
}
