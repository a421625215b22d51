#include "napi/histogram/native_histogram.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "core/hdr_encoding.h"
#include "napi/convert/errors.h"
#include "napi/convert/raw_method.h"
#include "napi/convert/tagged.h"

namespace onlite {
namespace {

// Mark the Externals of Wrap and our own objects, so that foreign ones are refused.
constexpr Tagged<std::shared_ptr<HistogramSource>> kSource(0x6f6e6c6974652d68ULL,
                                                           0x736f757263652d31ULL);
constexpr napi_type_tag kHistogramTag = {0x6f6e6c6974652d68ULL, 0x6973746f6772616dULL};

constexpr double kMaxSafeInteger = 9007199254740991;  // 2^53 - 1

class OwnHistogram final : public HistogramSource {
 public:
  explicit OwnHistogram(const HistogramLayout& layout) : histogram_(layout) {}

  HistogramSnapshot Snapshot() const override { return histogram_.Snapshot(); }
  HistogramSnapshot TakeInterval() override { return histogram_.TakeInterval(); }
  void Reset() override { histogram_.Reset(); }
  Histogram* writable() override { return &histogram_; }

 private:
  Histogram histogram_;
};

/// A sample, fractions cut off; what is too large is the histogram's to limit.
bool ToSample(double value, uint64_t* sample) {
  if (!(value >= 0) || !std::isfinite(value)) return false;
  *sample = static_cast<uint64_t>(std::min(value, kMaxSafeInteger));
  return true;
}

uint64_t ReadSample(Napi::Env env, const Napi::Value& value, const char* name) {
  uint64_t sample = 0;
  if (!value.IsNumber() || !ToSample(value.As<Napi::Number>().DoubleValue(), &sample)) {
    ThrowInvalidArgument(env, std::string(name) + ": expected a finite number of at least 0");
  }
  return sample;
}

[[noreturn]] void ThrowNoSample(Napi::Env env) {
  ThrowInvalidArgument(env, "value: expected a finite number of at least 0");
}

HistogramLayout ReadLayout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsNumber()) {
    ThrowInvalidArgument(env, "expected significant digits and the highest value");
  }
  const double digits = info[0].As<Napi::Number>().DoubleValue();
  const double highest = info[1].As<Napi::Number>().DoubleValue();
  if (!(digits >= 1 && digits <= 3)) ThrowInvalidArgument(env, "digits: expected 1 to 3");
  if (!(highest >= 2 && highest <= kMaxSafeInteger)) {
    ThrowInvalidArgument(env, "highest: expected 2 to 2^53 - 1");
  }
  HistogramLayout layout = HistogramLayout::Latency();
  Check(env, HistogramLayout::Make(static_cast<int>(digits), 1, static_cast<uint64_t>(highest),
                                   &layout));
  return layout;
}

Napi::Float64Array ToFloat64Array(Napi::Env env, std::span<const double> values) {
  auto array = Napi::Float64Array::New(env, values.size());
  if (!values.empty()) std::copy(values.begin(), values.end(), array.Data());
  return array;
}

/// A copy: the array may be shared with other threads. The pointer is null for an empty one.
template <typename Element>
std::vector<Element> ReadElements(Napi::Env env, const Napi::Value& value,
                                  napi_typedarray_type wanted, const char* expected) {
  if (!value.IsTypedArray()) ThrowInvalidArgument(env, expected);
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  Check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  if (type != wanted) ThrowInvalidArgument(env, expected);
  if (data == nullptr) return {};
  const auto* elements = static_cast<const Element*>(data);
  return {elements, elements + length};
}

}  // namespace

Napi::Function NativeHistogram::Define(Napi::Env env) {
  napi_property_descriptor record = {};
  record.utf8name = "record";
  record.method = &NativeHistogram::Record;
  record.attributes = napi_default_method;
  return DefineClass(
      env, "NativeHistogram",
      {PropertyDescriptor(record),
       PropertyDescriptor(SafeMethod<&NativeHistogram::RecordAll>("recordAll")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Add>("add")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Statistics>("statistics")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Percentile>("percentile")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::CountBetween>("countBetween")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Buckets>("buckets")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Layout>("layout")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Encode>("encode")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Copy>("copy")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Interval>("interval")),
       PropertyDescriptor(SafeMethod<&NativeHistogram::Reset>("reset"))});
}

Napi::Object NativeHistogram::Wrap(Napi::Env env, std::shared_ptr<HistogramSource> source) {
  return Construct(env, Environment::Of(env).histogram_class, {kSource.Refer(env, &source)});
}

Napi::Object NativeHistogram::WrapCopy(Napi::Env env, const HistogramSnapshot& samples) {
  auto own = std::make_shared<OwnHistogram>(samples.layout());
  own->writable()->Add(samples);
  return Wrap(env, std::move(own));
}

NativeHistogram::NativeHistogram(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativeHistogram>(info), environment_(Environment::Of(info.Env()).state()) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<HistogramSource>* const source = kSource.Read(env, info[0]);
  source_ = source != nullptr ? *source : std::make_shared<OwnHistogram>(ReadLayout(info));
  Check(env, napi_type_tag_object(env, info.This(), &kHistogramTag));
  const Histogram* own = source_->writable();
  if (own == nullptr) return;
  external_bytes_ = static_cast<int64_t>(own->bytes());
  Napi::MemoryManagement::AdjustExternalMemory(env, external_bytes_);
}

NativeHistogram::~NativeHistogram() {
  if (external_bytes_ == 0 || environment_->closing) return;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), -external_bytes_);
}

Histogram& NativeHistogram::RequireWritable(Napi::Env env) const {
  Histogram* own = source_->writable();
  if (own == nullptr) {
    ThrowStatus(env, {ErrorCode::kUnsupported, "a session's histogram records its runs alone"});
  }
  return *own;
}

napi_value NativeHistogram::Record(napi_env env, napi_callback_info info) {
  // Node-API itself, as in NativeBinding::RunSync. The class's signature is on
  // the method, so that the receiver is one of ours.
  napi_value argument = nullptr;
  napi_value receiver = nullptr;
  size_t count = 1;
  void* wrapped = nullptr;
  if (napi_get_cb_info(env, info, &count, &argument, &receiver, nullptr) != napi_ok ||
      napi_unwrap(env, receiver, &wrapped) != napi_ok) {
    return nullptr;
  }
  const auto* self = static_cast<NativeHistogram*>(wrapped);
  double value = 0;
  uint64_t sample = 0;
  try {
    Histogram* own = self->source_->writable();
    if (own == nullptr) static_cast<void>(self->RequireWritable(env));
    if (napi_get_value_double(env, argument, &value) != napi_ok || !ToSample(value, &sample)) {
      ThrowNoSample(env);
    }
    own->Record(sample);
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    Napi::Error::New(env, error.what()).ThrowAsJavaScriptException();
  }
  return nullptr;
}

Napi::Value NativeHistogram::RecordAll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Histogram& own = RequireWritable(env);
  const auto values =
      ReadElements<double>(env, info[0], napi_float64_array, "values: expected a Float64Array");
  uint64_t sample = 0;
  for (const double value : values) {
    if (!ToSample(value, &sample)) ThrowNoSample(env);
  }
  for (const double value : values) {
    if (ToSample(value, &sample)) own.Record(sample);
  }
  return env.Undefined();
}

Napi::Value NativeHistogram::Add(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Histogram& own = RequireWritable(env);
  if (!HasTag(env, info[0], kHistogramTag)) {
    ThrowInvalidArgument(env, "other: expected a histogram");
  }
  const HistogramSnapshot samples = Unwrap(info[0].As<Napi::Object>())->source_->Snapshot();
  const uint64_t count = own.Snapshot().count();
  if (static_cast<double>(count) + static_cast<double>(samples.count()) > kMaxSafeInteger) {
    ThrowInvalidArgument(env, "other: expected 2^53 - 1 samples in all at most");
  }
  own.Add(samples);
  return env.Undefined();
}

Napi::Value NativeHistogram::Statistics(const Napi::CallbackInfo& info) {
  const HistogramSnapshot snapshot = source_->Snapshot();
  const auto percentile = [&](double percent) {
    return static_cast<double>(snapshot.Percentile(percent));
  };
  const double values[] = {static_cast<double>(snapshot.count()),
                           static_cast<double>(snapshot.min()),
                           snapshot.mean(),
                           snapshot.stddev(),
                           percentile(50),
                           percentile(90),
                           percentile(95),
                           percentile(99),
                           percentile(99.9),
                           static_cast<double>(snapshot.max())};
  return ToFloat64Array(info.Env(), values);
}

Napi::Value NativeHistogram::Percentile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double percent = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(percent >= 0 && percent <= 100)) {
    ThrowInvalidArgument(env, "percentile: expected 0 to 100");
  }
  return Napi::Number::New(env, static_cast<double>(source_->Snapshot().Percentile(percent)));
}

Napi::Value NativeHistogram::CountBetween(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint64_t lowest = ReadSample(env, info[0], "lowest");
  const uint64_t highest = ReadSample(env, info[1], "highest");
  return Napi::Number::New(env,
                           static_cast<double>(source_->Snapshot().CountBetween(lowest, highest)));
}

Napi::Value NativeHistogram::Buckets(const Napi::CallbackInfo& info) {
  const HistogramSnapshot snapshot = source_->Snapshot();
  std::vector<double> values;
  for (size_t offset = 0; offset < snapshot.counts().size(); ++offset) {
    const uint64_t count = snapshot.counts()[offset];
    if (count == 0) continue;
    const size_t index = snapshot.first() + offset;
    values.push_back(static_cast<double>(snapshot.layout().LowestAt(index)));
    values.push_back(static_cast<double>(snapshot.layout().HighestAt(index)));
    values.push_back(static_cast<double>(count));
  }
  return ToFloat64Array(info.Env(), values);
}

Napi::Value NativeHistogram::Layout(const Napi::CallbackInfo& info) {
  const HistogramLayout layout = source_->Snapshot().layout();
  const double values[] = {static_cast<double>(layout.digits()),
                           static_cast<double>(layout.highest())};
  return ToFloat64Array(info.Env(), values);
}

Napi::Value NativeHistogram::Encode(const Napi::CallbackInfo& info) {
  const std::vector<uint8_t> bytes = EncodeHdr(source_->Snapshot());
  auto array = Napi::Uint8Array::New(info.Env(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), array.Data());
  return array;
}

Napi::Value NativeHistogram::Copy(const Napi::CallbackInfo& info) {
  return WrapCopy(info.Env(), source_->Snapshot());
}

Napi::Value NativeHistogram::Interval(const Napi::CallbackInfo& info) {
  return WrapCopy(info.Env(), source_->TakeInterval());
}

Napi::Value NativeHistogram::Reset(const Napi::CallbackInfo& info) {
  source_->Reset();
  return info.Env().Undefined();
}

Napi::Value DecodeHistogram(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes =
      ReadElements<uint8_t>(env, info[0], napi_uint8_array, "bytes: expected a Uint8Array");
  HistogramSnapshot snapshot;
  Check(env, DecodeHdr(bytes, &snapshot));
  return NativeHistogram::WrapCopy(env, snapshot);
}

}  // namespace onlite
