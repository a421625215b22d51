#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/histogram_snapshot.h"
#include "core/status.h"

namespace onlite {

/// HdrHistogram's V2 encoding of counts, before its compression: a header of 40
/// bytes, then each count as a zigzag LEB128 number of up to 9 bytes; a negative
/// one is a run of zeros (Gil Tene, HdrHistogram: AbstractHistogram.encode...,
/// ZigZagEncoding). Minimum and maximum are kept to the counters' precision.
std::vector<uint8_t> EncodeHdr(const HistogramSnapshot& snapshot);

/// The other way; any bytes may be given. kInvalidArgument for what is no such
/// encoding, for a layout that HistogramLayout::Make refuses and for more than
/// 2^53 samples. As in other implementations the index offset and the conversion
/// ratio are ignored: counts come in the order of their values, which are whole.
Status DecodeHdr(std::span<const uint8_t> bytes, HistogramSnapshot* snapshot);

}  // namespace onlite
