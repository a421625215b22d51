#include "runtimes/tflite/providers.h"

#include <charconv>
#include <string>

#include "runtimes/tflite/xnnpack/delegate.h"

namespace onlite::tflite {
namespace {

// TensorFlow Lite's own default. More threads spin while they wait for each other,
// and on a busy machine a preempted one holds up the whole run.
constexpr int kDefaultThreads = 1;
constexpr int kMaxThreads = 1024;

Status ParseThreads(const std::string& path, const std::string& text, int* threads) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || parsed != end || value < 1 || value > kMaxThreads) {
    return {ErrorCode::kInvalidArgument, path + ": expected 1 to 1024, got " + text};
  }
  *threads = value;
  return Status::Ok();
}

Status ReadOptions(const ProviderRequest& request, const std::string& path, ProviderPlan* plan) {
  for (const auto& [key, value] : request.options) {
    std::string option = path;
    option.append(".").append(key);
    // onnxruntime-common's option of the provider, about an arena that is not here.
    if (request.name == "cpu" && key == "useArena") continue;
    if (request.name != "xnnpack" || key != "numThreads") {
      return {ErrorCode::kInvalidArgument, option + ": " + request.name + " has no such option"};
    }
    ONLITE_RETURN_IF_ERROR(ParseThreads(option, value, &plan->threads));
  }
  return Status::Ok();
}

}  // namespace

Status PlanProviders(const Library& library, const SessionOptions& options,
                     std::vector<ProviderPlan>* plans) {
  if (options.intra_op_threads < 0 || options.intra_op_threads > kMaxThreads) {
    return {ErrorCode::kInvalidArgument, "intraOpNumThreads: expected 0 to 1024, got " +
                                             std::to_string(options.intra_op_threads)};
  }
  const int threads = options.intra_op_threads > 0 ? options.intra_op_threads : kDefaultThreads;
  plans->clear();
  if (options.providers.empty()) {
    if (CanUseXnnpack(library)) plans->push_back({true, threads});
    plans->push_back({false, threads});
    return Status::Ok();
  }
  std::string missing;
  for (size_t index = 0; index < options.providers.size(); ++index) {
    const ProviderRequest& request = options.providers[index];
    const bool xnnpack = request.name == "xnnpack" && CanUseXnnpack(library);
    if (!xnnpack && request.name != "cpu") {
      // Quoted: a name may be empty.
      missing.append(missing.empty() ? "'" : ", '").append(request.name).append("'");
      continue;
    }
    ProviderPlan plan{xnnpack, threads};
    const std::string path = "executionProviders[" + std::to_string(index) + "]";
    ONLITE_RETURN_IF_ERROR(ReadOptions(request, path, &plan));
    plans->push_back(plan);
    missing.clear();
  }
  if (missing.empty()) return Status::Ok();
  return {ErrorCode::kProviderUnavailable,
          "executionProviders: " + missing + ": not in this TensorFlow Lite library"};
}

}  // namespace onlite::tflite
