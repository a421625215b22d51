#include "napi/session/latency_methods.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "napi/convert/errors.h"
#include "napi/histogram/histogram_source.h"
#include "napi/histogram/native_histogram.h"

namespace onlite {
namespace {

/// Keeps what was recorded, not the session.
class PhaseSource final : public HistogramSource {
 public:
  PhaseSource(std::shared_ptr<RunStatistics> statistics, Phase phase)
      : statistics_(std::move(statistics)), phase_(phase) {}

  HistogramSnapshot Snapshot() const override { return statistics_->Snapshot(phase_); }
  HistogramSnapshot TakeInterval() override { return statistics_->TakeInterval(phase_); }
  void Reset() override { statistics_->Reset(phase_); }

 private:
  const std::shared_ptr<RunStatistics> statistics_;
  const Phase phase_;
};

class FailureSource final : public HistogramSource {
 public:
  FailureSource(std::shared_ptr<RunStatistics> statistics, ErrorCode code)
      : statistics_(std::move(statistics)), code_(code) {}

  HistogramSnapshot Snapshot() const override { return statistics_->Failures(code_); }
  HistogramSnapshot TakeInterval() override { return statistics_->TakeFailuresInterval(code_); }
  void Reset() override { statistics_->ResetFailures(code_); }

 private:
  const std::shared_ptr<RunStatistics> statistics_;
  const ErrorCode code_;
};

Phase ReadPhase(Napi::Env env, const Napi::Value& value) {
  if (value.IsNumber()) {
    const uint32_t phase = value.As<Napi::Number>().Uint32Value();
    if (phase < kPhaseNames.size()) return static_cast<Phase>(phase);
  }
  ThrowInvalidArgument(env, "phase: expected 0 to 4");
}

ErrorCode ReadErrorCode(Napi::Env env, const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (size_t index = 1; index < RunStatistics::kErrorCodes; ++index) {
    const auto code = static_cast<ErrorCode>(index);
    if (name == ErrorCodeName(code)) return code;
  }
  ThrowInvalidArgument(env, "code: expected an error code");
}

}  // namespace

Napi::Value LatencyPhase(const SessionCore& core, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return NativeHistogram::Wrap(
      env, std::make_shared<PhaseSource>(core.statistics, ReadPhase(env, info[0])));
}

Napi::Value LatencyFailureCodes(const SessionCore& core, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<ErrorCode> codes = core.statistics->FailureCodes();
  Napi::Array names = Napi::Array::New(env, codes.size());
  for (uint32_t index = 0; index < codes.size(); ++index) {
    names.Set(index, Napi::String::New(env, ErrorCodeName(codes[index])));
  }
  return names;
}

Napi::Value LatencyFailure(const SessionCore& core, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return NativeHistogram::Wrap(
      env, std::make_shared<FailureSource>(core.statistics, ReadErrorCode(env, info[0])));
}

Napi::Value LatencyRejected(const SessionCore& core, const Napi::CallbackInfo& info) {
  const bool interval = info[0].IsBoolean() && info[0].As<Napi::Boolean>().Value();
  RunStatistics& statistics = *core.statistics;
  const uint64_t count = interval ? statistics.TakeRejectedInterval() : statistics.rejected();
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value LatencyReset(const SessionCore& core, const Napi::CallbackInfo& info) {
  core.statistics->Reset();
  if (core.batches) core.batches->ResetSizes();
  return info.Env().Undefined();
}

}  // namespace onlite
