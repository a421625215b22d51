#pragma once

#include <napi.h>

namespace onlite {

// `values` are a Float32Array or Float64Array, the others Float64Arrays.

/// extentOf(values, result): writes [min, max, nans, infinities].
Napi::Value ExtentOfValues(const Napi::CallbackInfo& info);

/// countValues(values, step, weight, counts, perUnit, first)
Napi::Value CountValuesOf(const Napi::CallbackInfo& info);

/// addChannelSums(values, inner, pivots, peaks, distances, squares)
Napi::Value AddChannelSumsOf(const Napi::CallbackInfo& info);

}  // namespace onlite
