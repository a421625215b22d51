#include "runtimes/ort/pool_threads.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <string_view>
#include <thread>

#include "core/low_priority.h"
#include "runtimes/ort/library.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

constexpr std::string_view kAffinitiesEntry = "session.intra_op_thread_affinities";

/// Null where there is no thread to be had, which ends the creation of the session with an error.
CustomThreadHandle MakeThread(void* /*options*/, ThreadWorkerFunction* work, void* argument) {
  try {
    std::unique_ptr<std::thread> thread;
    RunAtOrdinaryPriority([&] { thread = std::make_unique<std::thread>(work, argument); });
    return reinterpret_cast<CustomThreadHandle>(thread.release());
  } catch (const std::exception&) {
    return nullptr;
  }
}

void JoinThread(CustomThreadHandle handle) {
  const std::unique_ptr<std::thread> thread(
      reinterpret_cast<std::thread*>(const_cast<OrtCustomHandleType*>(handle)));
  thread->join();
}

}  // namespace

bool MakesOtherThreads(const SessionOptions& options) {
  const auto is_other = [](const ProviderRequest& provider) { return provider.name != "cpu"; };
  const auto pins = [](const auto& entry) { return entry.first == kAffinitiesEntry; };
  return !options.custom_op_libraries.empty() || std::ranges::any_of(options.providers, is_other) ||
         std::ranges::any_of(options.config_entries, pins);
}

Status MakePoolThreadsOrdinary(OrtSessionOptions* options) {
  constexpr auto kStage = Stage::kConfigure;
  const char* const what = "the threads of the session's pools";
  ONLITE_ORT_RETURN_IF_ERROR(
      Functions().SessionOptionsSetCustomCreateThreadFn(options, &MakeThread), kStage, what);
  ONLITE_ORT_RETURN_IF_ERROR(Functions().SessionOptionsSetCustomJoinThreadFn(options, &JoinThread),
                             kStage, what);
  return Status::Ok();
}

}  // namespace onlite::ort
