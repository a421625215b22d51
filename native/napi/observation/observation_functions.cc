#include "napi/observation/observation_functions.h"

#include <cmath>
#include <span>
#include <string>

#include "core/observation.h"
#include "napi/convert/errors.h"
#include "napi/convert/typed_array.h"

namespace onlite {
namespace {

napi_typedarray_type TypeOf(Napi::Env env, napi_value array) {
  napi_typedarray_type type{};
  Check(env, napi_get_typedarray_info(env, array, &type, nullptr, nullptr, nullptr, nullptr));
  return type;
}

std::span<double> Doubles(const Napi::CallbackInfo& info, size_t index, const char* what) {
  const TypedArrayMemory memory = ReadTypedArray(info.Env(), info[index], what);
  if (TypeOf(info.Env(), info[index]) != napi_float64_array) {
    ThrowInvalidArgument(info.Env(), std::string(what) + ": expected a Float64Array");
  }
  return {static_cast<double*>(memory.data), memory.byte_length / sizeof(double)};
}

double Number(const Napi::CallbackInfo& info, size_t index, const char* what) {
  double number = 0;
  if (napi_get_value_double(info.Env(), info[index], &number) != napi_ok ||
      !std::isfinite(number)) {
    ThrowInvalidArgument(info.Env(), std::string(what) + ": expected a finite number");
  }
  return number;
}

size_t PositiveSize(const Napi::CallbackInfo& info, size_t index, const char* what) {
  const double number = Number(info, index, what);
  if (!(number >= 1 && number <= 9007199254740991.0)) {
    ThrowInvalidArgument(info.Env(), std::string(what) + ": expected a positive integer");
  }
  return static_cast<size_t>(number);
}

/// Has `use` look at the values of the first argument. No JavaScript runs meanwhile.
template <typename Use>
void WithValues(const Napi::CallbackInfo& info, const Use& use) {
  const TypedArrayMemory memory = ReadTypedArray(info.Env(), info[0], "values");
  const napi_typedarray_type type = TypeOf(info.Env(), info[0]);
  if (type == napi_float32_array) {
    use(std::span(static_cast<const float*>(memory.data), memory.byte_length / sizeof(float)));
  } else if (type == napi_float64_array) {
    use(std::span(static_cast<const double*>(memory.data), memory.byte_length / sizeof(double)));
  } else {
    ThrowInvalidArgument(info.Env(), "values: expected a Float32Array or Float64Array");
  }
}

}  // namespace

Napi::Value ExtentOfValues(const Napi::CallbackInfo& info) {
  const std::span<double> result = Doubles(info, 1, "result");
  if (result.size() < 4) ThrowInvalidArgument(info.Env(), "result: expected four elements");
  WithValues(info, [&](auto values) {
    const Extent extent = ExtentOf(values);
    result[0] = extent.min;
    result[1] = extent.max;
    result[2] = extent.nans;
    result[3] = extent.infinities;
  });
  return info.Env().Undefined();
}

Napi::Value CountValuesOf(const Napi::CallbackInfo& info) {
  const size_t step = PositiveSize(info, 1, "step");
  const double weight = Number(info, 2, "weight");
  const Bins bins{Doubles(info, 3, "counts"), Number(info, 4, "perUnit"),
                  std::floor(Number(info, 5, "first"))};
  if (std::abs(bins.first) > 9007199254740991.0) {
    ThrowInvalidArgument(info.Env(), "first: expected an integer");
  }
  WithValues(info, [&](auto values) { CountValues(values, step, weight, bins); });
  return info.Env().Undefined();
}

Napi::Value AddChannelSumsOf(const Napi::CallbackInfo& info) {
  const size_t inner = PositiveSize(info, 1, "inner");
  const ChannelSums sums{Doubles(info, 2, "pivots"), Doubles(info, 3, "peaks"),
                         Doubles(info, 4, "distances"), Doubles(info, 5, "squares")};
  const size_t channels = sums.pivots.size();
  if (channels == 0 || sums.peaks.size() != channels || sums.distances.size() != channels ||
      sums.squares.size() != channels) {
    ThrowInvalidArgument(info.Env(), "pivots: expected as many channels as of the sums");
  }
  WithValues(info, [&](auto values) {
    // inner · channels may be beyond any number.
    if (values.size() % inner != 0 || values.size() / inner % channels != 0) {
      ThrowInvalidArgument(info.Env(), "values: expected all of each channel");
    }
    AddChannelSums(values, inner, sums);
  });
  return info.Env().Undefined();
}

}  // namespace onlite
