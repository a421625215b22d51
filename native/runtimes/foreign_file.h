#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace onlite {

/// What people give for a model by mistake, named with the remedy: "a Git LFS
/// pointer, not the model itself: run git lfs pull". Empty for a file that may be a
/// model, or that nothing is known of.
std::string DescribeForeignFile(std::span<const uint8_t> bytes);

}  // namespace onlite
