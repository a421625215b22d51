# For an addon that is published together with those of all other platforms: what no run passes
# through is compiled for size.
# Clang's own -Oz, which Zig's command line makes -Os.
add_compile_options(-Os "SHELL:-Xclang -Oz")
# Instances of a template for different types are often the same code.
add_compile_options("SHELL:-Xclang -fmerge-functions")
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # An exception needs them of the functions that may let one through, which have them all the same.
  add_compile_options(-fno-unwind-tables)
endif()

# Where a run's microseconds go.
set(ONLITE_HOT_SOURCES
  native/core/executor.cc
  native/core/histogram.cc
  native/core/numbers/decimal.cc
  native/core/numbers/decimal_to_float.cc
  native/core/numbers/float_digits.cc
  native/core/numbers/parse_numbers.cc
  native/core/numbers/print_numbers.cc
  native/core/numbers/write_float.cc
  native/core/observation.cc
  native/core/run_statistics.cc
  native/napi/environment/job.cc
  native/napi/environment/mailbox.cc
  native/napi/run/native_binding.cc
  native/runtimes/ort/binding.cc
  native/runtimes/ort/session.cc
  native/runtimes/ort/tensors.cc
  native/runtimes/tflite/run/binding.cc
  native/runtimes/tflite/run/tensors.cc
  native/session/attached_session.cc
  native/session/session_core.cc)
set_source_files_properties(${ONLITE_HOT_SOURCES} PROPERTIES COMPILE_OPTIONS
                                                             "-O2;-Xclang;-O2")
