#include "core/batch_tensors.h"

#include <cstring>
#include <utility>

#include "core/aligned_buffer.h"

namespace onlite {
namespace {

/// Keeps what a part of an output may lie in.
struct Owners {
  std::shared_ptr<void> output;
  std::shared_ptr<uint8_t[]> inputs;
};

Dims WithRows(const Dims& dims, size_t rows) {
  Dims result = dims;
  result[0] = static_cast<int64_t>(rows);
  return result;
}

}  // namespace

std::optional<size_t> RowBytes(ElementType type, const Dims& dims) {
  if (dims.empty()) return std::nullopt;
  const std::optional<size_t> elements = ElementCount(std::span(dims).subspan(1));
  const size_t bits = ElementBits(type);
  if (!elements || bits == 0 || *elements > SIZE_MAX / bits) return std::nullopt;
  if (*elements * bits % 8 != 0) return std::nullopt;
  return *elements * bits / 8;
}

size_t PaddedRows(size_t rows, std::span<const size_t> allowed) {
  for (const size_t size : allowed) {
    if (size >= rows) return size;
  }
  return rows;
}

bool JoinRows(std::span<const std::vector<const TensorView*>> requests, size_t rows,
              JoinedTensors* joined) {
  size_t total = 0;
  for (const TensorView* first : requests[0]) {
    TensorView tensor;
    tensor.type = first->type;
    tensor.dims = WithRows(first->dims, rows);
    const std::optional<size_t> bytes = TensorBytes(tensor.type, tensor.dims);
    if (!bytes || *bytes > SIZE_MAX / 4 - total) return false;
    tensor.byte_length = *bytes;
    total += AlignUp(*bytes);
    joined->tensors.push_back(std::move(tensor));
  }
  AlignedBuffer memory = AllocateAligned(total + kReadBeyond);
  if (!memory) return false;
  uint8_t* start = memory.get();
  for (size_t index = 0; index < joined->tensors.size(); ++index) {
    TensorView& tensor = joined->tensors[index];
    tensor.data = start;
    tensor.readable_beyond = kReadBeyond;
    const size_t row_bytes = RowBytes(tensor.type, tensor.dims).value_or(0);
    uint8_t* to = start;
    uint8_t* const end = start + tensor.byte_length;
    for (const std::vector<const TensorView*>& request : requests) {
      const size_t bytes = row_bytes * static_cast<size_t>(request[index]->dims[0]);
      if (bytes > static_cast<size_t>(end - to)) return false;
      if (bytes > 0) std::memcpy(to, request[index]->data, bytes);
      to += bytes;
    }
    for (; row_bytes > 0 && to < end; to += row_bytes) std::memcpy(to, to - row_bytes, row_bytes);
    start += AlignUp(tensor.byte_length);
  }
  joined->byte_length = total;
  joined->memory = std::move(memory);
  return true;
}

bool SplitRows(const Value& whole, size_t rows, std::span<const size_t> counts,
               const std::shared_ptr<uint8_t[]>& inputs, std::vector<Value>* parts) {
  const TensorView& tensor = whole.tensor;
  if (whole.kind != Value::Kind::kTensor || tensor.dims.empty() || !whole.owner) return false;
  if (tensor.dims[0] != static_cast<int64_t>(rows)) return false;
  const std::optional<size_t> row_bytes = RowBytes(tensor.type, tensor.dims);
  if (!row_bytes || tensor.byte_length / rows < *row_bytes) return false;
  const auto owners = std::make_shared<Owners>(Owners{whole.owner, inputs});
  auto* from = static_cast<uint8_t*>(tensor.data);
  for (const size_t count : counts) {
    Value& part = parts->emplace_back();
    part.kind = Value::Kind::kTensor;
    part.owner = owners;
    part.tensor.type = tensor.type;
    part.tensor.dims = WithRows(tensor.dims, count);
    part.tensor.data = from;
    part.tensor.byte_length = *row_bytes * count;
    if (*row_bytes > 0) from += part.tensor.byte_length;
  }
  return true;
}

}  // namespace onlite
