#include "napi/process/gpu_job.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"
#include "runtimes/nvidia_management.h"

namespace onlite {
namespace {

class GpuJob final : public Job {
 public:
  explicit GpuJob(std::string library) : library_(std::move(library)) {}

  bool UsesCallersMemory() const override { return false; }

  Status Execute() override { return SampleNvidiaGpus(library_, &samples_); }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array values = Napi::Array::New(env);
    uint32_t at = 0;
    for (const GpuSample& sample : samples_) {
      values.Set(at++, Napi::String::New(env, sample.uuid));
      values.Set(at++, Napi::String::New(env, sample.name));
      for (const int64_t number :
           {sample.total_bytes, sample.used_bytes, int64_t{sample.busy_percent},
            int64_t{sample.memory_busy_percent}}) {
        values.Set(at++, Napi::Number::New(env, static_cast<double>(number)));
      }
    }
    return values;
  }

 private:
  const std::string library_;
  std::vector<GpuSample> samples_;
};

}  // namespace

Napi::Value SampleGpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const JobId id = ReadJobId(env, info[0]);
  if (!info[1].IsString()) ThrowInvalidArgument(env, "library: expected a string");
  Environment& environment = Environment::Of(env);
  Check(env, environment.Post(environment.maintenance_queue(), id,
                              std::make_unique<GpuJob>(info[1].As<Napi::String>())));
  return env.Undefined();
}

}  // namespace onlite
