#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace onlite::bench {

std::vector<uint8_t> ReadModel(const std::string& path);

/// The same values in every program: floats between -1 and 1, or any bytes.
void FillFloats(float* data, size_t count);
void FillBytes(void* data, size_t bytes);

}  // namespace onlite::bench
