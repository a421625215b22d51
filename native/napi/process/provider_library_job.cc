#include "napi/process/provider_library_job.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"
#include "napi/process/runtime_functions.h"

namespace onlite {
namespace {

class ProviderLibraryJob final : public Job {
 public:
  ProviderLibraryJob(std::string name, std::string path, std::vector<LibraryCandidate> candidates)
      : name_(std::move(name)), path_(std::move(path)), candidates_(std::move(candidates)) {}

  bool UsesCallersMemory() const override { return false; }

  Status Execute() override {
    ONLITE_RETURN_IF_ERROR(OnnxRuntime().Load(candidates_));
    return RegisterProviderLibrary(name_, path_);
  }

  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::string name_;
  const std::string path_;
  const std::vector<LibraryCandidate> candidates_;
};

}  // namespace

Napi::Value RegisterProviderLibraryJob(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const JobId id = ReadJobId(env, info[0]);
  if (!info[1].IsString()) ThrowInvalidArgument(env, "name: expected a string");
  if (!info[2].IsString()) ThrowInvalidArgument(env, "path: expected a string");
  auto job = std::make_unique<ProviderLibraryJob>(
      info[1].As<Napi::String>(), info[2].As<Napi::String>(), ReadCandidates(env, info[3]));
  Environment& environment = Environment::Of(env);
  Check(env, environment.Post(environment.maintenance_queue(), id, std::move(job)));
  return env.Undefined();
}

}  // namespace onlite
