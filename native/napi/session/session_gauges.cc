#include "napi/session/session_gauges.h"

#include <initializer_list>
#include <optional>

#include "napi/convert/errors.h"
#include "napi/environment/job.h"

namespace onlite {
namespace {

Napi::Value Numbers(Napi::Env env, std::initializer_list<double> values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  size_t index = 0;
  for (const double value : values) array[index++] = value;
  return array;
}

}  // namespace

Napi::Value QueueDepth(const SessionCore& core, const Napi::CallbackInfo& info) {
  const size_t waiting = core.batches ? core.batches->waiting() : core.queue->waiting();
  return Napi::Number::New(info.Env(), static_cast<double>(waiting));
}

Napi::Value BatchSizes(const SessionCore& core, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array sizes = Napi::Array::New(env);
  if (!core.batches) return sizes;
  uint32_t at = 0;
  const uint32_t since = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
  for (const auto& [rows, count] : since == 0   ? core.batches->sizes()
                                   : since == 1 ? core.batches->SizesSinceReset()
                                                : core.batches->TakeSizesInterval()) {
    sizes.Set(at++, Napi::Number::New(env, static_cast<double>(rows)));
    sizes.Set(at++, Napi::Number::New(env, static_cast<double>(count)));
  }
  return sizes;
}

Napi::Value RunsInFlight(const SessionCore& core, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(core.queue->running()));
}

Napi::Value SessionNumber(const SessionCore& core, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(core.number));
}

Napi::Value HasUsers(const SessionCore& core, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), core.has_users());
}

Napi::Value InlineRuns(const SessionCore& core, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(core.inline_runs.load()));
}

Napi::Value MayRunInline(const AttachedSession& session, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), session.MayRunInline());
}

Napi::Value SessionMemory(const AttachedSession& session, const Napi::CallbackInfo& info) {
  const SessionCore& core = session.core();
  const double model = session.released() ? 0 : static_cast<double>(core.external_bytes);
  return Numbers(info.Env(), {model, static_cast<double>(core.statistics->bytes())});
}

Napi::Value ObserveRuns(AttachedSession& session, const Napi::CallbackInfo& info) {
  if (!info[0].IsBoolean()) ThrowInvalidArgument(info.Env(), "kept: expected a boolean");
  session.records.SetKept(info[0].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value TakeRunRecord(AttachedSession& session, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const JobId id = info[0].IsUndefined() ? RunRecords::kSynchronous : ReadJobId(env, info[0]);
  const std::optional<RunRecord> record = session.records.Take(id);
  if (!record) return env.Undefined();
  const RunPhases& phases = record->phases;
  return Numbers(env,
                 {static_cast<double>(phases.queue_ns), static_cast<double>(phases.bind_ns),
                  static_cast<double>(phases.invoke_ns), static_cast<double>(phases.fetch_ns),
                  static_cast<double>(phases.total_ns), static_cast<double>(record->batch_rows)});
}

}  // namespace onlite
