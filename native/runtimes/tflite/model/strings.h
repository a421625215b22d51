#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace onlite::tflite {

/// TensorFlow Lite's packed strings: int32 count, count + 1 int32 offsets from
/// the start of the buffer, then the bytes.

/// False if the strings do not fit the format's 31-bit offsets.
bool EncodeStrings(const std::vector<std::string>& strings, std::vector<uint8_t>* packed);

/// False if `packed` does not hold exactly `count` strings that lie in it.
bool DecodeStrings(std::span<const uint8_t> packed, size_t count,
                   std::vector<std::string>* strings);

}  // namespace onlite::tflite
