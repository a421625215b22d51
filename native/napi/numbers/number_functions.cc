#include "napi/numbers/number_functions.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/numbers/parse_numbers.h"
#include "core/numbers/print_numbers.h"
#include "napi/convert/errors.h"
#include "napi/convert/tensor_arguments.h"
#include "napi/convert/typed_array.h"

namespace onlite {
namespace {

// lib/engine/addon/native.ts has the same.
enum ParseFlag : uint32_t {
  kRefuseNonFinite = 1,
  kRefuseOverflow = 2,
  kWholeNumbers = 4,
  kBoolNumbers = 8,
  kPartial = 16,
};

enum PrintFlag : uint32_t { kPrintFinite = 1, kPrintPoint = 2, kPrintGeneral = 4 };

/// Infinity is no limit.
size_t Size(Napi::Env env, napi_value value, const char* what) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0)) {
    ThrowInvalidArgument(env, std::string(what) + ": expected a number that is not negative");
  }
  return number >= 9007199254740992.0 ? SIZE_MAX : static_cast<size_t>(number);
}

bool IsUndefined(Napi::Env env, napi_value value) {
  napi_valuetype type{};
  Check(env, napi_typeof(env, value, &type));
  return type == napi_undefined;
}

/// The core's message begins with indices, which belong behind the path.
void CheckAt(Napi::Env env, const Napi::Value& path, const Status& status) {
  if (status.ok()) return;
  std::string message = path.ToString().Utf8Value() + status.message();
  if (message.starts_with(": ")) message.erase(0, 2);
  ThrowStatus(env, {status.code(), std::move(message)});
}

bool Overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  const auto begin_a = reinterpret_cast<uintptr_t>(a);
  const auto begin_b = reinterpret_cast<uintptr_t>(b);
  return begin_a < begin_b + b_bytes && begin_b < begin_a + a_bytes;
}

/// Memory that a result is written to, or of its own.
struct Destination {
  numbers::ByteBuffer buffer;
  TypedArrayMemory memory;
  bool is_given = false;
};

Destination ReadTarget(Napi::Env env, napi_value out, size_t begin) {
  Destination target;
  if (IsUndefined(env, out)) return target;
  target.memory = ReadTypedArray(env, out, "out");
  if (begin > target.memory.byte_length) ThrowInvalidArgument(env, "out: begins behind its end");
  target.is_given = true;
  target.buffer = numbers::ByteBuffer(static_cast<uint8_t*>(target.memory.data) + begin,
                                      target.memory.byte_length - begin);
  return target;
}

/// Null if the bytes are in memory that was given.
napi_value BytesOf(Napi::Env env, Destination& target, size_t bytes) {
  if (target.is_given) return env.Null();
  void* memory = nullptr;
  const napi_value buffer = NewArrayBuffer(env, bytes, &memory);
  if (bytes > 0) std::memcpy(memory, target.buffer.data(), bytes);
  return buffer;
}

}  // namespace

Napi::Value ParseNumbersOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  numbers::NumberRules rules;
  size_t begin = Size(env, info[1], "offset");
  const size_t end = Size(env, info[2], "end");
  rules.type = static_cast<ElementType>(std::min<size_t>(Size(env, info[3], "type"), 0xff));
  const size_t flags = Size(env, info[4], "flags");
  rules.non_finite = (flags & kRefuseNonFinite) == 0;
  rules.overflow = (flags & kRefuseOverflow) == 0;
  rules.whole_numbers = (flags & kWholeNumbers) != 0;
  rules.bool_numbers = (flags & kBoolNumbers) != 0;
  rules.partial = (flags & kPartial) != 0;
  rules.max_depth = Size(env, info[5], "maxDepth");
  rules.max_elements = Size(env, info[6], "maxElements");
  rules.max_bytes = Size(env, info[7], "maxBytes");

  // No JavaScript runs from here to the result.
  const TypedArrayMemory bytes = ReadTypedArray(env, info[0], "bytes");
  Destination target = ReadTarget(env, info[9], 0);
  if (begin > end || end > bytes.byte_length) {
    ThrowInvalidArgument(env, "end: expected a place in the bytes behind the offset");
  }
  std::string_view text(static_cast<const char*>(bytes.data), end);
  std::string copy;
  if (bytes.shared || Overlap(bytes.data, end, target.memory.data, target.memory.byte_length)) {
    // It could change between two looks at it.
    copy = text.substr(begin);
    text = copy;
    rules.origin = begin;
    begin = 0;
  }
  numbers::ParsedNumbers parsed;
  CheckAt(env, info[8], numbers::ParseNumbers(text, begin, rules, &target.buffer, &parsed));

  const napi_value data = BytesOf(env, target, parsed.count * ElementBits(rules.type) / 8);
  Napi::Array result = Napi::Array::New(env, 2 + parsed.dims.size());
  uint32_t at = 0;
  result.Set(at++, static_cast<double>(parsed.end + rules.origin));
  result.Set(at++, Napi::Value(env, data));
  for (const int64_t dim : parsed.dims) result.Set(at++, static_cast<double>(dim));
  return result;
}

Napi::Value PrintNumbersOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  numbers::NumberStyle style;
  const size_t flags = Size(env, info[1], "flags");
  style.non_finite = (flags & kPrintFinite) == 0;
  style.point = (flags & kPrintPoint) != 0;
  style.general = (flags & kPrintGeneral) != 0;
  style.max_bytes = Size(env, info[2], "maxBytes");
  const size_t begin = Size(env, info[5], "offset");
  const bool by_rows = info[6].ToBoolean();
  std::vector<EncodedTensor> tensors = ReadTensors(env, info[0], "tensor");
  if (tensors.size() != 1 || tensors[0].is_sequence || !tensors[0].has_memory ||
      tensors[0].type == ElementType::kString) {
    ThrowInvalidArgument(env, "tensor: expected a tensor of numbers");
  }
  // No JavaScript runs from here to the result.
  const TensorView tensor = ResolveTensor(env, std::move(tensors[0])).view;
  Destination target = ReadTarget(env, info[4], begin);
  size_t length = 0;
  std::vector<double> ends;
  CheckAt(env, info[3],
          numbers::PrintNumbers(tensor.type, tensor.data, tensor.dims, style, &target.buffer,
                                &length, by_rows ? &ends : nullptr));

  Napi::Array result = Napi::Array::New(env, 3);
  result.Set(0U, static_cast<double>(length));
  result.Set(1U, Napi::Value(env, BytesOf(env, target, length)));
  if (by_rows) {
    void* memory = nullptr;
    const napi_value buffer = NewArrayBuffer(env, ends.size() * sizeof(double), &memory);
    if (!ends.empty()) std::memcpy(memory, ends.data(), ends.size() * sizeof(double));
    result.Set(2U, Napi::Value(env, buffer));
  } else {
    result.Set(2U, env.Null());
  }
  return result;
}

}  // namespace onlite
