#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/dtype.h"
#include "core/numbers/byte_buffer.h"
#include "core/status.h"
#include "core/tensor.h"

namespace onlite::numbers {

/// What is taken as numbers of a type, and how much of it.
struct NumberRules {
  ElementType type = ElementType::kFloat32;
  /// NaN, Infinity and -Infinity (and Inf, as RapidJSON) for the float types.
  bool non_finite = true;
  /// Finite numbers beyond a float type's range are infinity.
  bool overflow = true;
  /// 1.0 and 1e3 for the integer types.
  bool whole_numbers = false;
  /// 0 and 1 for bool.
  bool bool_numbers = false;
  /// More may follow the value.
  bool partial = false;
  size_t max_depth = 64;
  size_t max_elements = SIZE_MAX;
  /// From where the value is looked for to its end.
  size_t max_bytes = SIZE_MAX;
  /// What messages add to a place in the text.
  size_t origin = 0;
};

struct ParsedNumbers {
  /// Of a scalar none.
  Dims dims;
  size_t count = 0;
  /// Behind the value's last byte.
  size_t end = 0;
};

/// Whether there are numbers of the type: one element each, no string, not packed.
bool HasNumbers(ElementType type);

/// Reads a number, or an array of numbers, nested as deep as may be, from JSON text into dense
/// row-major elements. The text must stand still. Iterative, with memory for as many levels as
/// `max_depth` says.
///
/// @param begin - where in `text` the value is, perhaps after white space
/// @param memory - for the elements; what is in it after an error is unspecified
/// @return kInvalidArgument for what is no JSON and for limits, kTypeMismatch for values that
///   are none of the type, kShapeMismatch for ragged arrays and for more elements than fixed memory
///   holds, kOutOfMemory. The message begins with the indices of the element, "[3][1]: ", for a
///   scalar with ": ".
Status ParseNumbers(std::string_view text, size_t begin, const NumberRules& rules,
                    ByteBuffer* memory, ParsedNumbers* parsed);

}  // namespace onlite::numbers
