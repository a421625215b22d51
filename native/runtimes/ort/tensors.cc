#include "runtimes/ort/tensors.h"

#include <algorithm>
#include <cstring>

#include "runtimes/ort/element_type.h"
#include "runtimes/ort/model_info.h"
#include "runtimes/ort/provider_devices.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

/// ONNX types nest as deep as a model says; nothing real goes past a sequence of maps.
constexpr int kMaxNesting = 16;

Status Done(OrtStatus* status, const char* what) { return Check(status, Stage::kRun, what); }

Status WrapStrings(const TensorView& tensor, ValueHandle* value) {
  const Api& api = Functions();
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  OrtValue* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(Done(api.CreateTensorAsOrtValue(allocator, tensor.dims.data(),
                                                         tensor.dims.size(), kOnnxString, &handle),
                              "cannot make a string tensor"));
  value->reset(handle);
  for (size_t index = 0; index < tensor.strings.size(); ++index) {
    const std::string& text = tensor.strings[index];
    char* buffer = nullptr;
    ONLITE_RETURN_IF_ERROR(
        Done(api.GetResizedStringTensorElementBuffer(handle, index, text.size(), &buffer),
             "cannot fill a string tensor"));
    std::copy(text.begin(), text.end(), buffer);
  }
  return Status::Ok();
}

Status TakeStrings(const OrtValue* value, size_t count, std::vector<std::string>* strings) {
  const Api& api = Functions();
  if (count == 0) return Status::Ok();
  size_t length = 0;
  ONLITE_RETURN_IF_ERROR(
      Done(api.GetStringTensorDataLength(value, &length), "cannot read a string tensor"));
  // One byte more: an address for content of no bytes.
  std::string content(length + 1, '\0');
  std::vector<size_t> offsets(count);
  ONLITE_RETURN_IF_ERROR(
      Done(api.GetStringTensorContent(value, content.data(), length, offsets.data(), count),
           "cannot read a string tensor"));
  strings->reserve(count);
  for (size_t index = 0; index < count; ++index) {
    const size_t end = index + 1 < count ? offsets[index + 1] : length;
    strings->push_back(content.substr(offsets[index], end - offsets[index]));
  }
  return Status::Ok();
}

Status TakeTensor(ValueHandle value, const std::string& path, Value* result) {
  TensorView& tensor = result->tensor;
  ONLITE_RETURN_IF_ERROR(ReadDims(value.get(), &tensor.type, &tensor.dims));
  result->kind = Value::Kind::kTensor;
  if (tensor.type == ElementType::kString) {
    return TakeStrings(value.get(), ElementCount(tensor.dims).value_or(0), &tensor.strings);
  }
  const std::optional<size_t> bytes = TensorBytes(tensor.type, tensor.dims);
  if (!bytes) {
    return {ErrorCode::kUnsupported,
            "outputs." + path + ": a tensor of a type that onlite does not know"};
  }
  ONLITE_RETURN_IF_ERROR(
      Done(Functions().GetTensorMutableData(value.get(), &tensor.data), "cannot read a tensor"));
  tensor.byte_length = *bytes;
  ClearPadding(tensor);
  OrtValue* handle = value.release();
  result->owner = std::shared_ptr<void>(
      handle, [](void* owned) { Functions().ReleaseValue(static_cast<OrtValue*>(owned)); });
  return Status::Ok();
}

Status Take(ValueHandle value, const std::string& path, int depth, Value* result);

/// To a tensor in the processor's memory.
Status CopyElements(const OrtEnv* env, const OrtValue* from, OrtValue* to, size_t bytes) {
  const Api& api = Functions();
  const OrtMemoryInfo* memory = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Done(api.GetTensorMemoryInfo(from, &memory), "cannot find out where a tensor is"));
  DeviceType device = kDeviceCpu;
  api.MemoryInfoGetDeviceType(memory, &device);
  if (device != kDeviceCpu) {
    TensorCopies copies;
    copies.Add(from, to);
    return copies.Make(env);
  }
  void* source = nullptr;
  void* target = nullptr;
  // The function is one for reading, too.
  ONLITE_RETURN_IF_ERROR(
      Done(api.GetTensorMutableData(const_cast<OrtValue*>(from), &source), "cannot read a tensor"));
  ONLITE_RETURN_IF_ERROR(Done(api.GetTensorMutableData(to, &target), "cannot write a tensor"));
  std::memcpy(target, source, bytes);
  return Status::Ok();
}

/// The parts of a sequence, or the keys and the values of a map.
Status TakeItems(const OrtValue* value, const std::string& path, int depth, Value* result) {
  const Api& api = Functions();
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  size_t count = 0;
  ONLITE_RETURN_IF_ERROR(Done(api.GetValueCount(value, &count), "cannot read a sequence"));
  result->items.resize(count);
  for (size_t index = 0; index < count; ++index) {
    OrtValue* item = nullptr;
    ONLITE_RETURN_IF_ERROR(Done(api.GetValue(value, static_cast<int>(index), allocator, &item),
                                "cannot read a sequence"));
    ONLITE_RETURN_IF_ERROR(Take(ValueHandle(item), path + "[" + std::to_string(index) + "]",
                                depth + 1, &result->items[index]));
  }
  return Status::Ok();
}

Status Take(ValueHandle value, const std::string& path, int depth, Value* result) {
  const Api& api = Functions();
  if (depth > kMaxNesting)
    return {ErrorCode::kUnsupported, "outputs." + path + ": nested too deeply"};
  int has_value = 0;
  ONLITE_RETURN_IF_ERROR(Done(api.HasValue(value.get(), &has_value), "cannot read an output"));
  if (has_value == 0) {
    result->kind = Value::Kind::kNone;
    return Status::Ok();
  }
  OnnxType type = kOnnxTypeUnknown;
  ONLITE_RETURN_IF_ERROR(Done(api.GetValueType(value.get(), &type), "cannot read an output"));
  switch (type) {
    case kOnnxTypeTensor: return TakeTensor(std::move(value), path, result);
    case kOnnxTypeSequence:
      result->kind = Value::Kind::kSequence;
      return TakeItems(value.get(), path, depth, result);
    case kOnnxTypeMap:
      result->kind = Value::Kind::kMap;
      return TakeItems(value.get(), path, depth, result);
    default:
      return {ErrorCode::kUnsupported,
              "outputs." + path + ": neither a tensor, a sequence nor a map"};
  }
}

}  // namespace

Status WrapTensor(const TensorView& tensor, OrtMemoryInfo* cpu, ValueHandle* value) {
  if (tensor.type == ElementType::kString) return WrapStrings(tensor, value);
  // An address for tensors of no elements, which may have none.
  static uint64_t nothing = 0;
  OrtValue* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Done(Functions().CreateTensorWithDataAsOrtValue(
               cpu, tensor.data != nullptr ? tensor.data : &nothing, tensor.byte_length,
               tensor.dims.data(), tensor.dims.size(), ToOnnx(tensor.type), &handle),
           "ONNX Runtime does not take the tensor"));
  value->reset(handle);
  return Status::Ok();
}

Status WrapSequence(const std::vector<TensorView>& items, OrtMemoryInfo* cpu, ValueHandle* value) {
  std::vector<ValueHandle> owned(items.size());
  std::vector<const OrtValue*> values;
  values.reserve(items.size());
  for (size_t index = 0; index < items.size(); ++index) {
    ONLITE_RETURN_IF_ERROR(WrapTensor(items[index], cpu, &owned[index]));
    values.push_back(owned[index].get());
  }
  // The sequence shares the tensors, or copies them.
  OrtValue* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Done(Functions().CreateValue(values.data(), values.size(), kOnnxTypeSequence, &handle),
           "ONNX Runtime does not take the sequence"));
  value->reset(handle);
  return Status::Ok();
}

Status ReadDims(const OrtValue* value, ElementType* type, Dims* dims) {
  const Api& api = Functions();
  OrtTensorTypeAndShapeInfo* info = nullptr;
  ONLITE_RETURN_IF_ERROR(Done(api.GetTensorTypeAndShape(value, &info), "cannot read a shape"));
  const TensorInfoHandle owned(info);
  OnnxElementType element = kOnnxUndefined;
  ONLITE_RETURN_IF_ERROR(Done(api.GetTensorElementType(info, &element), "cannot read a type"));
  *type = FromOnnx(element);
  size_t rank = 0;
  ONLITE_RETURN_IF_ERROR(Done(api.GetDimensionsCount(info, &rank), "cannot read a shape"));
  dims->resize(rank);
  return Done(api.GetDimensions(info, dims->data(), rank), "cannot read a shape");
}

void ClearPadding(const TensorView& tensor) {
  const size_t bits = ElementBits(tensor.type);
  if (bits == 0 || bits >= 8) return;
  const size_t used = ElementCount(tensor.dims).value_or(0) * bits;
  if (used % 8 == 0) return;
  static_cast<uint8_t*>(tensor.data)[used / 8] &= static_cast<uint8_t>((1U << used % 8) - 1);
}

void TensorCopies::Add(const OrtValue* from, OrtValue* to) {
  from_.push_back(from);
  to_.push_back(to);
}

Status TensorCopies::Make(const OrtEnv* env) const {
  if (from_.empty()) return Status::Ok();
  const auto lock = KeepLibraries();
  return Done(Functions().CopyTensors(env, from_.data(), to_.data(), nullptr, from_.size()),
              "cannot copy a tensor of the device");
}

Status CopyValueToHost(const OrtEnv* env, const OrtValue* value, const std::string& name,
                       Value* result) {
  const Api& api = Functions();
  ElementType type = ElementType::kUndefined;
  Dims dims;
  ONLITE_RETURN_IF_ERROR(ReadDims(value, &type, &dims));
  const std::optional<size_t> bytes = TensorBytes(type, dims);
  if (!bytes) return {ErrorCode::kUnsupported, name + ": only tensors of numbers can be copied"};
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  OrtValue* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Done(api.CreateTensorAsOrtValue(allocator, dims.data(), dims.size(), ToOnnx(type), &handle),
           "cannot make a tensor"));
  ValueHandle copy(handle);
  if (*bytes > 0) ONLITE_RETURN_IF_ERROR(CopyElements(env, value, handle, *bytes));
  return TakeValue(std::move(copy), name, result);
}

Status TakeValue(ValueHandle value, const std::string& name, Value* result) {
  return Take(std::move(value), name, 0, result);
}

}  // namespace onlite::ort
