#include "runtimes/tflite/model/sparsity_verifier.h"

#include <vector>

#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

using Scope = FlatBuffer::Scope;
using Fields = schema::DimensionMetadata;

/// A union of three index vector tables (int32, uint16, uint8), widened.
std::vector<int64_t> ReadIndices(FlatBuffer* file, const FlatTable& dimension, size_t type_slot,
                                 size_t slot) {
  std::vector<int64_t> indices;
  const auto type = dimension.Scalar<uint8_t>(type_slot, 0);
  const FlatTable table = type == 0 ? FlatTable() : dimension.Table(slot);
  const auto widen = [&](const auto& values) {
    if (!file->Spend(values.size())) return;
    for (size_t index = 0; index < values.size(); ++index) indices.push_back(values[index]);
  };
  switch (type) {
    case 1: widen(table.Vector<int32_t>(0)); break;
    case 2: widen(table.Vector<uint16_t>(0)); break;
    case 3: widen(table.Vector<uint8_t>(0)); break;
    default: file->Fail("indices of a kind that is not known"); break;
  }
  return indices;
}

/// Compressed sparse row: segments rise from 0 to the number of indices.
void VerifyCompressed(FlatBuffer* file, const FlatTable& dimension) {
  const auto segments =
      ReadIndices(file, dimension, Fields::kArraySegmentsType, Fields::kArraySegments);
  const auto indices =
      ReadIndices(file, dimension, Fields::kArrayIndicesType, Fields::kArrayIndices);
  if (!file->ok()) return;
  if (segments.empty() || segments.front() != 0 ||
      segments.back() != static_cast<int64_t>(indices.size())) {
    return file->Fail("segments do not span the indices");
  }
  for (size_t index = 1; index < segments.size(); ++index) {
    if (segments[index] < segments[index - 1]) return file->Fail("segments fall");
  }
  for (const int64_t index : indices) {
    if (index < 0) return file->Fail("a negative index");
  }
}

}  // namespace

void VerifySparsity(FlatBuffer* file, const FlatTable& sparsity, const Dims& shape) {
  const Scope scope(file, "sparsity");
  const auto order = sparsity.Vector<int32_t>(schema::Sparsity::kTraversalOrder);
  const auto blocks = sparsity.Vector<int32_t>(schema::Sparsity::kBlockMap);
  const FlatTables dimensions = sparsity.Tables(schema::Sparsity::kDimMetadata);
  const size_t rank = shape.size();
  if (blocks.size() > rank || order.size() != rank + blocks.size() ||
      dimensions.size() != order.size()) {
    return file->Fail("traversal_order, block_map and dim_metadata do not fit the shape");
  }
  std::vector<bool> seen(order.size());
  for (size_t index = 0; index < order.size(); ++index) {
    const auto position = static_cast<size_t>(order[index]);
    if (order[index] < 0 || position >= seen.size() || seen[position]) {
      return file->Fail("traversal_order is no permutation");
    }
    seen[position] = true;
  }
  for (size_t index = 0; index < blocks.size(); ++index) {
    if (blocks[index] < 0 || static_cast<size_t>(blocks[index]) >= rank) {
      return file->Fail("block_map names no dimension");
    }
  }
  for (size_t index = 0; index < dimensions.size() && file->ok(); ++index) {
    const FlatTable dimension = dimensions[index];
    const auto format = dimension.Scalar<int8_t>(Fields::kFormat, 0);
    if (format == 1) {
      VerifyCompressed(file, dimension);
    } else if (format != 0 || dimension.Scalar<int32_t>(Fields::kDenseSize, 0) <= 0) {
      file->Fail("a dense dimension without a size");
    }
  }
}

}  // namespace onlite::tflite
