#include "runtimes/tflite/run/tensors.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "runtimes/tflite/model/strings.h"
#include "runtimes/value_path.h"

namespace onlite::tflite {
namespace {

Status OtherSize(const ValuePath& path, size_t expected, size_t got) {
  return {ErrorCode::kShapeMismatch,
          path + ": expected " + std::to_string(expected) + " bytes, got " + std::to_string(got)};
}

Status FeedStrings(const Api& api, const TensorView& feed, TfLiteTensor* tensor,
                   const ValuePath& path) {
  if (api.TensorRealloc == nullptr) {
    return {ErrorCode::kUnsupported, path + ": this TensorFlow Lite library takes no strings",
            "it does not export TfLiteTensorRealloc"};
  }
  std::vector<uint8_t> packed;
  if (!EncodeStrings(feed.strings, &packed)) {
    return {ErrorCode::kInvalidArgument, path + ": the strings are longer than 2 GiB together"};
  }
  api.TensorRealloc(packed.size(), tensor);
  void* data = api.TensorData(tensor);
  if (data == nullptr || api.TensorByteSize(tensor) != packed.size()) {
    return {ErrorCode::kOutOfMemory, path + ": no memory for the strings"};
  }
  std::memcpy(data, packed.data(), packed.size());
  return Status::Ok();
}

/// Some builds keep int4 activations one element a byte; ours are packed.
void UnpackInt4(const uint8_t* packed, size_t count, uint8_t* bytes) {
  for (size_t index = 0; index < count; ++index) {
    const int nibble = (packed[index / 2] >> (index % 2 * 4)) & 0xF;
    bytes[index] = static_cast<uint8_t>(nibble < 8 ? nibble : nibble - 16);
  }
}

void PackInt4(const uint8_t* bytes, size_t count, uint8_t* packed) {
  std::memset(packed, 0, (count + 1) / 2);
  for (size_t index = 0; index < count; ++index) {
    const int nibble = (bytes[index] & 0xF) << (index % 2 * 4);
    packed[index / 2] = static_cast<uint8_t>(packed[index / 2] | nibble);
  }
}

Dims DimsOf(const Api& api, const TfLiteTensor* tensor) {
  Dims dims;
  const int32_t rank = api.TensorNumDims(tensor);
  for (int32_t index = 0; index < rank; ++index) dims.push_back(api.TensorDim(tensor, index));
  return dims;
}

Status FetchStrings(const Api& api, const TfLiteTensor* tensor, const ValuePath& path,
                    TensorView* view) {
  const std::optional<size_t> count = ElementCount(view->dims);
  const auto* data = static_cast<const uint8_t*>(api.TensorData(tensor));
  const size_t bytes = data != nullptr ? api.TensorByteSize(tensor) : 0;
  if (!count || !DecodeStrings({data, bytes}, *count, &view->strings)) {
    return {ErrorCode::kRunFailed, path + ": the runtime's strings are damaged"};
  }
  return Status::Ok();
}

Status CheckTarget(const TensorView& produced, const TensorView& into, const ValuePath& path) {
  if (into.type != produced.type) {
    return {ErrorCode::kTypeMismatch, path + ": expected " +
                                          std::string(ElementTypeName(produced.type)) + ", got " +
                                          std::string(ElementTypeName(into.type))};
  }
  if (into.dims != produced.dims) {
    return {ErrorCode::kShapeMismatch, path + ".dims: expected " + DimsToString(produced.dims) +
                                           ", got " + DimsToString(into.dims)};
  }
  if (into.byte_length != produced.byte_length) {
    return OtherSize(path, produced.byte_length, into.byte_length);
  }
  return Status::Ok();
}

}  // namespace

ElementType ElementTypeOf(ApiType type) {
  switch (type) {
    case ApiType::kFloat32: return ElementType::kFloat32;
    case ApiType::kInt32: return ElementType::kInt32;
    case ApiType::kUInt8: return ElementType::kUInt8;
    case ApiType::kInt64: return ElementType::kInt64;
    case ApiType::kString: return ElementType::kString;
    case ApiType::kBool: return ElementType::kBool;
    case ApiType::kInt16: return ElementType::kInt16;
    case ApiType::kComplex64: return ElementType::kComplex64;
    case ApiType::kInt8: return ElementType::kInt8;
    case ApiType::kFloat16: return ElementType::kFloat16;
    case ApiType::kFloat64: return ElementType::kFloat64;
    case ApiType::kComplex128: return ElementType::kComplex128;
    case ApiType::kUInt64: return ElementType::kUInt64;
    case ApiType::kUInt32: return ElementType::kUInt32;
    case ApiType::kUInt16: return ElementType::kUInt16;
    case ApiType::kInt4: return ElementType::kInt4;
    case ApiType::kBFloat16: return ElementType::kBFloat16;
    case ApiType::kNoType:
    case ApiType::kResource:
    case ApiType::kVariant: break;
  }
  return ElementType::kUndefined;
}

bool IsAllocated(const Api& api, const TfLiteTensor* tensor, ApiAllocationType type) {
  // The vendor documents an opaque tensor to be the tensor itself.
  return api.OpaqueTensorGetAllocationType != nullptr &&
         api.OpaqueTensorGetAllocationType(reinterpret_cast<const TfLiteOpaqueTensor*>(tensor)) ==
             type;
}

bool HasDims(const Api& api, const TfLiteTensor* tensor, const Dims& dims) {
  const int32_t rank = api.TensorNumDims(tensor);
  if (rank < 0 || static_cast<size_t>(rank) != dims.size()) return false;
  for (int32_t index = 0; index < rank; ++index) {
    if (api.TensorDim(tensor, index) != dims[static_cast<size_t>(index)]) return false;
  }
  return true;
}

Status FeedTensor(const Api& api, const TensorView& feed, TfLiteTensor* tensor,
                  const std::string& name) {
  const ValuePath path{"inputs", name};
  if (feed.type == ElementType::kString) return FeedStrings(api, feed, tensor, path);
  const size_t bytes = api.TensorByteSize(tensor);
  if (bytes == 0 && feed.byte_length == 0) return Status::Ok();
  void* data = api.TensorData(tensor);
  if (data == nullptr) return {ErrorCode::kRunFailed, path + ": the runtime has no memory for it"};
  if (bytes == feed.byte_length) {
    std::memcpy(data, feed.data, bytes);
    return Status::Ok();
  }
  if (feed.type == ElementType::kInt4 && ElementCount(feed.dims) == bytes) {
    UnpackInt4(static_cast<const uint8_t*>(feed.data), bytes, static_cast<uint8_t*>(data));
    return Status::Ok();
  }
  return OtherSize(path, bytes, feed.byte_length);
}

Status FetchTensor(const Api& api, const TfLiteTensor* tensor, const TensorView& into,
                   bool flexible, const std::string& name, Value* value) {
  const ValuePath path{"outputs", name};
  if (tensor == nullptr) return {ErrorCode::kRunFailed, path + ": the runtime made no such output"};
  TensorView view;
  view.type = ElementTypeOf(api.TensorType(tensor));
  view.dims = DimsOf(api, tensor);
  if (view.type == ElementType::kUndefined) {
    return {ErrorCode::kUnsupported, path + ": not a tensor that can be read"};
  }
  value->kind = Value::Kind::kTensor;
  if (view.type == ElementType::kString) {
    if (into.data != nullptr && !flexible) return CheckTarget(view, into, path);
    ONLITE_RETURN_IF_ERROR(FetchStrings(api, tensor, path, &view));
    value->tensor = std::move(view);
    return Status::Ok();
  }
  const std::optional<size_t> needed = TensorBytes(view.type, view.dims);
  const size_t stored = api.TensorByteSize(tensor);
  const void* data = api.TensorData(tensor);
  const bool loose_int4 = view.type == ElementType::kInt4 && needed && stored != *needed &&
                          ElementCount(view.dims) == stored;
  if (!needed || (stored < *needed && !loose_int4) || (data == nullptr && *needed > 0)) {
    return {ErrorCode::kRunFailed, path + ": the runtime's tensor has no data"};
  }
  view.byte_length = *needed;
  Status fits = into.data != nullptr ? CheckTarget(view, into, path) : Status::Ok();
  if (!fits.ok() && !flexible) return fits;
  if (into.data != nullptr && fits.ok()) {
    view.data = into.data;
  } else {
    value->owner = std::shared_ptr<uint8_t[]>(AllocateAligned(*needed));
    if (value->owner == nullptr) {
      return {ErrorCode::kOutOfMemory,
              path + ": out of memory for " + std::to_string(*needed) + " bytes"};
    }
    view.data = value->owner.get();
  }
  if (loose_int4) {
    PackInt4(static_cast<const uint8_t*>(data), stored, static_cast<uint8_t*>(view.data));
  } else if (*needed > 0) {
    std::memcpy(view.data, data, *needed);
  }
  value->tensor = std::move(view);
  return Status::Ok();
}

}  // namespace onlite::tflite
