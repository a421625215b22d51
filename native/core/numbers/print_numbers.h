#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "core/numbers/byte_buffer.h"
#include "core/status.h"

namespace onlite::numbers {

/// How numbers are written.
struct NumberStyle {
  /// NaN, Infinity and -Infinity as such; else they are refused.
  bool non_finite = true;
  /// Whole floats with ".0".
  bool point = false;
  /// Floats as TensorFlow Serving: %g with 6 digits if that reads back equal, else with 9 or 17.
  bool general = false;
  size_t max_bytes = SIZE_MAX;
};

/// Writes a dense row-major tensor as JSON: nested arrays, a scalar by itself. The elements may
/// change meanwhile: each is read once.
///
/// @param data - as many elements as the dims say, which must have been checked
/// @param row_ends - if not null: the elements of the first dimension are written one after
///   another with nothing between, and these are their ends
/// @return kInvalidArgument for what is refused, with the indices as ParseNumbers gives them, and
///   beyond max_bytes; kShapeMismatch when fixed memory is too small; kOutOfMemory
Status PrintNumbers(ElementType type, const void* data, std::span<const int64_t> dims,
                    const NumberStyle& style, ByteBuffer* text, size_t* length,
                    std::vector<double>* row_ends);

}  // namespace onlite::numbers
