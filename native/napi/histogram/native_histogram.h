#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "napi/environment/environment.h"
#include "napi/histogram/histogram_source.h"

namespace onlite {

/// The JavaScript face of a histogram: NativeHistogram of lib/engine/addon/native.ts. JS
/// thread only. It is either one that JavaScript made, or a view of a session's.
class NativeHistogram : public Napi::ObjectWrap<NativeHistogram> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Object Wrap(Napi::Env env, std::shared_ptr<HistogramSource> source);
  /// A histogram of its own with these samples.
  static Napi::Object WrapCopy(Napi::Env env, const HistogramSnapshot& samples);

  /// Takes (digits, highest), or an External that only Wrap can make.
  explicit NativeHistogram(const Napi::CallbackInfo& info);
  ~NativeHistogram() override;

 private:
  static napi_value Record(napi_env env, napi_callback_info info);
  Napi::Value RecordAll(const Napi::CallbackInfo& info);
  Napi::Value Add(const Napi::CallbackInfo& info);
  Napi::Value Statistics(const Napi::CallbackInfo& info);
  Napi::Value Percentile(const Napi::CallbackInfo& info);
  Napi::Value CountBetween(const Napi::CallbackInfo& info);
  Napi::Value Buckets(const Napi::CallbackInfo& info);
  Napi::Value Layout(const Napi::CallbackInfo& info);
  Napi::Value Encode(const Napi::CallbackInfo& info);
  Napi::Value Copy(const Napi::CallbackInfo& info);
  Napi::Value Interval(const Napi::CallbackInfo& info);
  Napi::Value Reset(const Napi::CallbackInfo& info);

  /// ERR_UNSUPPORTED for a view.
  Histogram& RequireWritable(Napi::Env env) const;

  std::shared_ptr<const EnvironmentState> environment_;
  std::shared_ptr<HistogramSource> source_;
  int64_t external_bytes_ = 0;
};

/// decodeHistogram(bytes): of HdrHistogram's V2 encoding, uncompressed.
Napi::Value DecodeHistogram(const Napi::CallbackInfo& info);

}  // namespace onlite
