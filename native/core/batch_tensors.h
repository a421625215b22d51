#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor.h"

/// A batch's tensors, along the first dimension: its indices are called rows.
namespace onlite {

/// Bytes of one row of a dense tensor; nothing for a scalar, strings, rows that
/// are not whole bytes, and overflow.
std::optional<size_t> RowBytes(ElementType type, const Dims& dims);

/// The rows that a batch of `rows` is run with: the smallest allowed size that
/// is not smaller, or `rows` itself if there is none. `allowed` ascends.
size_t PaddedRows(size_t rows, std::span<const size_t> allowed);

/// The inputs of a batch, in memory of their own at tensor alignment.
struct JoinedTensors {
  std::shared_ptr<uint8_t[]> memory;
  size_t byte_length = 0;
  std::vector<TensorView> tensors;
};

/// Puts the requests' tensors together: the i-th result has the rows of the
/// i-th tensor of each request, and copies of its last row up to `rows`. The
/// requests have as many tensors each, one or more rows in every one, and the
/// same types and further dims. False if there is not enough memory.
bool JoinRows(std::span<const std::vector<const TensorView*>> requests, size_t rows,
              JoinedTensors* joined);

/// Takes one output of a batch apart without copying: parts[i] gets the next
/// `counts[i]` rows, as views that share the output's owner and `inputs`, whose
/// memory an output may be. False if it is not a tensor of exactly `rows` rows.
bool SplitRows(const Value& whole, size_t rows, std::span<const size_t> counts,
               const std::shared_ptr<uint8_t[]>& inputs, std::vector<Value>* parts);

}  // namespace onlite
