#include "runtimes/ort/environment.h"

#include <string_view>

#include "runtimes/default_threads.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

using namespace std::string_view_literals;

/// An ONNX model, "y = Identity(x)" for one float.
constexpr std::string_view kProbeModel =
    "\x08\x08"                                                                  // ir_version 8
    "\x42\x02\x10\x0d"                                                          // opset 13
    "\x3a\x37"                                                                  // graph
    "\x0a\x10\x0a\x01\x78\x12\x01\x79\x22\x08\x49\x64\x65\x6e\x74\x69\x74\x79"  // node
    "\x12\x01\x70"                                                              // name
    "\x5a\x0f\x0a\x01\x78\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01"      // input x
    "\x62\x0f\x0a\x01\x79\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01"      // output y
    ""sv;

/// The process has one OrtEnv for each library: CreateEnvWithGlobalThreadPools
/// silently returns an existing one that has no such pools. Only creating a
/// session that wants them tells.
bool HasGlobalPools(const OrtEnv* env) {
  constexpr auto kStage = Stage::kCreate;
  OrtSessionOptions* options = nullptr;
  if (!Check(Functions().CreateSessionOptions(&options), kStage, "probe").ok()) return false;
  const SessionOptionsHandle owned_options(options);
  if (!Check(Functions().DisablePerSessionThreads(options), kStage, "probe").ok() ||
      !Check(Functions().SetSessionLogSeverityLevel(options, kLogFatal), kStage, "probe").ok()) {
    return false;
  }
  OrtSession* session = nullptr;
  const Status status = Check(Functions().CreateSessionFromArray(
                                  env, kProbeModel.data(), kProbeModel.size(), options, &session),
                              kStage, "probe");
  const SessionHandle owned_session(session);
  return status.ok();
}

}  // namespace

Status CreateEnvironment(Environment* environment) {
  constexpr auto kStage = Stage::kConfigure;
  const std::string what = "cannot set up ONNX Runtime's environment";
  OrtThreadingOptions* threading = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(Functions().CreateThreadingOptions(&threading), kStage, what);
  const ThreadingOptionsHandle owned_threading(threading);
  ONLITE_ORT_RETURN_IF_ERROR(
      Functions().SetGlobalIntraOpNumThreads(threading, DefaultThreadCount()), kStage, what);
  // Sessions that run nodes in parallel have pools of their own (session_options.cc).
  ONLITE_ORT_RETURN_IF_ERROR(Functions().SetGlobalInterOpNumThreads(threading, 1), kStage, what);

  OrtEnv* env = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(
      Functions().CreateEnvWithGlobalThreadPools(kLogFatal, "onlite", threading, &env), kStage,
      what);
  environment->env = env;
  environment->global_pools = HasGlobalPools(env);
  return Status::Ok();
}

}  // namespace onlite::ort
