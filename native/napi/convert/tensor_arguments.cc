#include "napi/convert/tensor_arguments.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"

namespace onlite {
namespace {

constexpr uint32_t kFieldsPerTensor = 5;

/// The type of what is a sequence of tensors (lib/engine/run/feeds.ts).
constexpr int64_t kSequenceType = 255;

/// From so many bytes on it is asked first whether they may be copied.
constexpr size_t kManyBytes = size_t{1} << 20;

napi_value Element(Napi::Env env, napi_value array, uint32_t index) {
  napi_value element = nullptr;
  Check(env, napi_get_element(env, array, index, &element));
  return element;
}

uint32_t ArrayLength(Napi::Env env, napi_value array, const char* what) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) {
    ThrowInvalidArgument(env, std::string(what) + ": expected an array");
  }
  return length;
}

int64_t Integer(Napi::Env env, napi_value value, const char* what) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok || number < 0 ||
      number > 9007199254740991.0 || number != static_cast<double>(static_cast<int64_t>(number))) {
    ThrowInvalidArgument(env, std::string(what) + ": expected a non-negative integer");
  }
  return static_cast<int64_t>(number);
}

ElementType Type(Napi::Env env, napi_value value) {
  const int64_t code = Integer(env, value, "type");
  if (code >= static_cast<int64_t>(kElementTypeCount)) {
    ThrowInvalidArgument(env, "type: unknown element type " + std::to_string(code));
  }
  return static_cast<ElementType>(code);
}

MemoryKind Kind(Napi::Env env, napi_value value) {
  const int64_t code = Integer(env, value, "memory");
  if (code > static_cast<int64_t>(MemoryKind::kFilledLater)) {
    ThrowInvalidArgument(env, "memory: expected 0, 1, 2 or 3");
  }
  return static_cast<MemoryKind>(code);
}

Dims ReadDims(Napi::Env env, napi_value value) {
  const uint32_t rank = ArrayLength(env, value, "dims");
  Dims dims(rank);
  for (uint32_t axis = 0; axis < rank; ++axis) {
    dims[axis] = Integer(env, Element(env, value, axis), "dims");
  }
  return dims;
}

std::string ReadString(Napi::Env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    ThrowInvalidArgument(env, "data: expected an array of strings");
  }
  std::string text(length, '\0');
  Check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

/// Bytes of the buffer behind the tensor. A shared buffer does not tell its
/// length; the pool's (lib/engine/tensor/pool) reach that far.
size_t ReadableBeyond(Napi::Env env, const TypedArrayMemory& memory, size_t bytes, bool pooled) {
  if (!EndsWithPage(memory.data, bytes)) return kReadBeyond;
  if (memory.shared) return pooled ? kReadBeyond : 0;
  void* start = nullptr;
  size_t length = 0;
  Check(env, napi_get_arraybuffer_info(env, memory.buffer, &start, &length));
  const auto offset = static_cast<const uint8_t*>(memory.data) - static_cast<uint8_t*>(start);
  return length - static_cast<size_t>(offset) - bytes;
}

std::vector<std::string> ReadStrings(Napi::Env env, napi_value data, const Dims& dims) {
  const uint32_t count = ArrayLength(env, data, "data");
  if (ElementCount(dims) != size_t{count}) {
    ThrowInvalidArgument(env, "data: the number of strings does not match dims");
  }
  std::vector<std::string> strings;
  strings.reserve(count);
  for (uint32_t index = 0; index < count; ++index) {
    strings.push_back(ReadString(env, Element(env, data, index)));
  }
  return strings;
}

bool IsSequence(Napi::Env env, napi_value type) {
  double code = 0;
  return napi_get_value_double(env, type, &code) == napi_ok && code == kSequenceType;
}

/// Of a sequence: tensors, not sequences.
std::vector<EncodedTensor> ReadItems(Napi::Env env, napi_value items) {
  std::vector<EncodedTensor> read = ReadTensors(env, items, "items");
  for (const EncodedTensor& item : read) {
    if (item.is_sequence || !item.has_memory) {
      ThrowInvalidArgument(env, "items: expected tensors");
    }
  }
  return read;
}

/// Copies the tensors into one buffer.
void TakeSnapshots(Napi::Env env, const std::vector<TensorView*>& copied, RunArguments* arguments) {
  size_t total = 0;
  for (const TensorView* tensor : copied) {
    const size_t bytes = AlignUp(tensor->byte_length);
    if (bytes > SIZE_MAX / 2 - total) ThrowInvalidArgument(env, "inputs: too large");
    total += bytes;
  }
  arguments->copied_bytes += total;
  if (arguments->admit && total >= kManyBytes) Check(env, arguments->admit(total));
  arguments->snapshots = AllocateAligned(total + kReadBeyond);
  if (!arguments->snapshots) {
    ThrowStatus(env, {ErrorCode::kOutOfMemory,
                      "out of memory: cannot copy " + std::to_string(total) + " bytes of inputs"});
  }
  uint8_t* to = arguments->snapshots.get();
  for (TensorView* const copy : copied) {
    TensorView& tensor = *copy;
    if (tensor.byte_length > 0) std::memcpy(to, tensor.data, tensor.byte_length);
    tensor.data = to;
    tensor.readable_beyond = kReadBeyond;
    to += AlignUp(tensor.byte_length);
  }
}

/// Memory of JavaScript's that results come to, during the run or after it.
struct Target {
  size_t index;  // of the signature's outputs
  TensorView memory;
};

const std::string& NameOf(const std::vector<ValueInfo>& values, size_t index) {
  static const std::string unknown = "?";
  return index < values.size() ? values[index].name : unknown;
}

/// The request's; an unknown one is refused later.
const SignatureInfo& SignatureOf(const SessionInfo& info, const RunArguments& arguments) {
  const size_t signature = arguments.request.signature;
  return info.signatures[signature < info.signatures.size() ? signature : 0];
}

void AddInputs(Napi::Env env, std::vector<EncodedTensor> inputs, FeedPolicy policy,
               const SignatureInfo& signature, const std::vector<Target>& targets,
               RunArguments* arguments) {
  std::vector<TensorView*> copied;
  // Leaves the tensor where it stays.
  const auto add = [&](size_t index, EncodedTensor encoded, TensorView* tensor) {
    TensorArgument argument = ResolveTensor(env, std::move(encoded));
    for (const Target& target : targets) {
      if (!Overlap(target.memory, argument.view)) continue;
      ThrowOverlap(env, NameOf(signature.outputs, target.index), "inputs",
                   NameOf(signature.inputs, index));
    }
    for (const std::string& text : argument.view.strings) {
      arguments->copied_bytes += sizeof(std::string) + text.size();
    }
    const bool copies = MustCopy(argument, policy);
    if (copies) copied.push_back(tensor);
    if (!copies && argument.view.data != nullptr) arguments->in_place = true;
    *tensor = std::move(argument.view);
  };
  arguments->request.inputs.resize(inputs.size());
  for (size_t place = 0; place < inputs.size(); ++place) {
    EncodedTensor& encoded = inputs[place];
    RunInput& input = arguments->request.inputs[place];
    input.index = encoded.index;
    input.is_sequence = encoded.is_sequence;
    input.items.resize(encoded.items.size());
    for (size_t item = 0; item < input.items.size(); ++item) {
      add(input.index, std::move(encoded.items[item]), &input.items[item]);
    }
    if (!input.is_sequence) add(input.index, std::move(encoded), &input.tensor);
  }
  if (!copied.empty()) TakeSnapshots(env, copied, arguments);
}

void AddTarget(Napi::Env env, const SignatureInfo& signature, size_t index, TensorView memory,
               std::vector<Target>* targets) {
  for (const Target& other : *targets) {
    if (!Overlap(memory, other.memory)) continue;
    ThrowOverlap(env, NameOf(signature.outputs, index), "outputs",
                 NameOf(signature.outputs, other.index));
  }
  targets->push_back({index, std::move(memory)});
}

/// Gives `targets` the memory that JavaScript can reach.
void AddOutputs(Napi::Env env, std::vector<EncodedTensor> outputs, FeedPolicy policy,
                const SignatureInfo& signature, std::vector<Target>* targets,
                RunArguments* arguments) {
  for (EncodedTensor& encoded : outputs) {
    RunOutput output;
    if (encoded.is_sequence) ThrowInvalidArgument(env, "outputs: expected tensors");
    output.index = encoded.index;
    // A model may make other shapes than it declares, and than the caller expects.
    output.flexible = true;
    arguments->held.push_back(WantsHeldResult(encoded.kind, encoded.has_memory));
    if (encoded.has_memory && encoded.kind == MemoryKind::kFilledLater) {
      TensorView memory;
      memory.byte_length = TypedArrayBytes(env, encoded.data, &memory.data);
      AddTarget(env, signature, output.index, std::move(memory), targets);
    } else if (encoded.has_memory) {
      TensorArgument argument = ResolveTensor(env, std::move(encoded));
      if (argument.view.type == ElementType::kString) {
        ThrowInvalidArgument(env, "outputs: strings cannot be written in place");
      }
      if (IsReachable(argument.kind)) {
        AddTarget(env, signature, output.index, argument.view, targets);
      }
      if (!MustCopy(argument, policy)) {
        output.into = std::move(argument.view);
        arguments->in_place = true;
      }
    }
    arguments->request.outputs.push_back(std::move(output));
  }
}

napi_value StringsToJs(Napi::Env env, const std::vector<std::string>& strings) {
  napi_value array = nullptr;
  Check(env, napi_create_array_with_length(env, strings.size(), &array));
  for (uint32_t index = 0; index < strings.size(); ++index) {
    napi_value text = nullptr;
    Check(env, napi_create_string_utf8(env, strings[index].data(), strings[index].size(), &text));
    Check(env, napi_set_element(env, array, index, text));
  }
  return array;
}

napi_value BytesToJs(Napi::Env env, const TensorView& tensor) {
  void* memory = nullptr;
  napi_value buffer = NewArrayBuffer(env, tensor.byte_length, &memory);
  if (tensor.byte_length > 0) std::memcpy(memory, tensor.data, tensor.byte_length);
  return buffer;
}

}  // namespace

napi_value TensorToJs(Napi::Env env, const TensorView& tensor, napi_value data) {
  Napi::Array dims = Napi::Array::New(env, tensor.dims.size());
  for (uint32_t axis = 0; axis < tensor.dims.size(); ++axis) {
    dims.Set(axis, Napi::Number::New(env, static_cast<double>(tensor.dims[axis])));
  }
  Napi::Array encoded = Napi::Array::New(env, 4);
  encoded.Set(0U, 0);
  encoded.Set(1U, static_cast<int>(tensor.type));
  encoded.Set(2U, dims);
  encoded.Set(3U, data);
  return encoded;
}

std::vector<EncodedTensor> ReadTensors(Napi::Env env, napi_value tensors, const char* what) {
  const uint32_t length = ArrayLength(env, tensors, what);
  if (length % kFieldsPerTensor != 0) {
    ThrowInvalidArgument(env, std::string(what) + ": expected five fields a tensor");
  }
  std::vector<EncodedTensor> read;
  for (uint32_t at = 0; at < length; at += kFieldsPerTensor) {
    EncodedTensor encoded;
    encoded.index = static_cast<size_t>(Integer(env, Element(env, tensors, at), "index"));
    encoded.data = Element(env, tensors, at + 3);
    napi_valuetype kind{};
    Check(env, napi_typeof(env, encoded.data, &kind));
    encoded.has_memory = kind != napi_null;
    encoded.kind = Kind(env, Element(env, tensors, at + 4));
    const napi_value type = Element(env, tensors, at + 1);
    if (IsSequence(env, type)) {
      encoded.is_sequence = true;
      encoded.items = ReadItems(env, encoded.data);
    } else if (encoded.has_memory) {
      encoded.type = Type(env, type);
      encoded.dims = ReadDims(env, Element(env, tensors, at + 2));
      if (encoded.type == ElementType::kString) {
        encoded.strings = ReadStrings(env, encoded.data, encoded.dims);
      }
    }
    read.push_back(std::move(encoded));
  }
  return read;
}

TensorArgument ResolveTensor(Napi::Env env, EncodedTensor encoded) {
  TensorArgument argument;
  TensorView& tensor = argument.view;
  tensor.type = encoded.type;
  tensor.dims = std::move(encoded.dims);
  tensor.strings = std::move(encoded.strings);
  if (tensor.type == ElementType::kString) return argument;
  const TypedArrayMemory memory = ReadTypedArray(env, encoded.data, "data");
  const auto needed = TensorBytes(tensor.type, tensor.dims);
  if (!needed || memory.byte_length < *needed) {
    ThrowInvalidArgument(env, "data: " + std::to_string(memory.byte_length) +
                                  " bytes are too few for dims " + DimsToString(tensor.dims));
  }
  tensor.data = memory.data;
  tensor.byte_length = *needed;
  if (*needed > 0) {
    tensor.readable_beyond =
        ReadableBeyond(env, memory, *needed, encoded.kind == MemoryKind::kPooled);
  }
  argument.shared = memory.shared;
  argument.kind = encoded.kind;
  return argument;
}

void ThrowOverlap(Napi::Env env, const std::string& output, const char* other_list,
                  const std::string& other) {
  ThrowInvalidArgument(env, "outputs." + output + ": expected memory of its own, it lies where " +
                                other_list + "." + other + " does");
}

void ReadRunArguments(Napi::Env env, const SessionInfo& info, napi_value inputs, napi_value outputs,
                      FeedPolicy policy, RunArguments* arguments) {
  std::vector<EncodedTensor> encoded_inputs = ReadTensors(env, inputs, "inputs");
  std::vector<EncodedTensor> encoded_outputs = ReadTensors(env, outputs, "outputs");
  // From here on no JavaScript runs, so no address that is read goes stale.
  const SignatureInfo& signature = SignatureOf(info, *arguments);
  std::vector<Target> targets;
  AddOutputs(env, std::move(encoded_outputs), policy, signature, &targets, arguments);
  // Against where JavaScript's memory lies, before any of it is copied.
  AddInputs(env, std::move(encoded_inputs), policy, signature, targets, arguments);
}

napi_value ValueToJs(Napi::Env env, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kTensor:
      // No owner: the run wrote into memory of the caller's.
      if (!value.owner && value.tensor.type != ElementType::kString) return env.Null();
      return TensorToJs(env, value.tensor,
                        value.tensor.type == ElementType::kString
                            ? StringsToJs(env, value.tensor.strings)
                            : BytesToJs(env, value.tensor));
    case Value::Kind::kSequence: {
      Napi::Array items = Napi::Array::New(env, value.items.size());
      for (uint32_t index = 0; index < value.items.size(); ++index) {
        items.Set(index, ValueToJs(env, value.items[index]));
      }
      Napi::Array encoded = Napi::Array::New(env, 2);
      encoded.Set(0U, 1);
      encoded.Set(1U, items);
      return encoded;
    }
    case Value::Kind::kMap: {
      Napi::Array encoded = Napi::Array::New(env, 3);
      encoded.Set(0U, 2);
      encoded.Set(1U, ValueToJs(env, value.items.at(0)));
      encoded.Set(2U, ValueToJs(env, value.items.at(1)));
      return encoded;
    }
    case Value::Kind::kNone: break;
  }
  Napi::Array encoded = Napi::Array::New(env, 1);
  encoded.Set(0U, 3);
  return encoded;
}

}  // namespace onlite
