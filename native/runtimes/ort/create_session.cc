#include "runtimes/ort/create_session.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/ort/cancellation.h"
#include "runtimes/ort/device_turn.h"
#include "runtimes/ort/empty_tensors.h"
#include "runtimes/ort/external_data.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/model_info.h"
#include "runtimes/ort/model_scan.h"
#include "runtimes/ort/path.h"
#include "runtimes/ort/providers.h"
#include "runtimes/ort/session.h"
#include "runtimes/ort/session_options.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

/// A provider that was asked for and its place in the list, for messages.
struct Asked {
  ProviderRequest request;
  std::string path;
};

/// What does not change between attempts to create one session.
struct Attempt {
  const Environment& environment;
  const ModelSource& source;
  const SessionOptions& options;
  const ExternalData& external;
  /// The model's file is loaded in place of its bytes, which are gone.
  bool from_file = false;
};

OrtStatus* CreateHandle(const Attempt& attempt, const OrtSessionOptions* options,
                        OrtSession** created) {
  const ModelSource& source = attempt.source;
  if (attempt.from_file) {
    return Functions().CreateSession(attempt.environment.env,
                                     NativePath(source.file->path()).c_str(), options, created);
  }
  if (attempt.external.by_path) {
    return Functions().CreateSession(attempt.environment.env, NativePath(source.path).c_str(),
                                     options, created);
  }
  return Functions().CreateSessionFromArray(attempt.environment.env, source.bytes.data,
                                            source.bytes.size, options, created);
}

/// The requests up to "cpu", which takes every node: what follows never runs any.
std::vector<Asked> AskedProviders(const SessionOptions& options) {
  std::vector<Asked> asked;
  for (size_t index = 0; index < options.providers.size(); ++index) {
    asked.push_back(
        {options.providers[index], "executionProviders[" + std::to_string(index) + "]"});
    if (options.providers[index].name == "cpu") break;
  }
  return asked;
}

/// One attempt with the given providers; those that cannot even be appended are
/// removed from the list if another one follows.
Status CreateWith(const Attempt& attempt, std::vector<Asked>* asked, SessionHandle* session) {
  SessionOptionsHandle handle;
  ONLITE_RETURN_IF_ERROR(MakeSessionOptions(attempt.options, attempt.environment.global_pools,
                                            attempt.external, &handle));
  for (size_t index = 0; index < asked->size();) {
    const Asked& provider = (*asked)[index];
    Status status =
        AppendProvider(provider.request, provider.path, attempt.environment.env, handle.get());
    if (status.ok()) {
      ++index;
    } else if (status.code() == ErrorCode::kProviderUnavailable && index + 1 < asked->size()) {
      asked->erase(asked->begin() + static_cast<std::ptrdiff_t>(index));
    } else {
      return status;
    }
  }
  OrtSession* created = nullptr;
  Cancellation cancellation(attempt.options.cancel, handle.get());
  if (!cancellation.MayStart()) return {ErrorCode::kCancelled, "the load was cancelled"};
  Status status = Check(CreateHandle(attempt, handle.get(), &created), Stage::kCreate,
                        "ONNX Runtime cannot load the model");
  session->reset(created);
  if (!cancellation.End()) return status;
  return {ErrorCode::kCancelled, "the load was cancelled", status.cause()};
}

std::vector<std::string> NamesOf(const std::vector<Asked>& asked) {
  std::vector<std::string> names;
  names.reserve(asked.size());
  for (const Asked& provider : asked) names.push_back(provider.request.name);
  return names;
}

bool IsCpuOnly(const std::vector<Asked>& asked) {
  return asked.empty() || asked.front().request.name == "cpu";
}

/// A provider whose device or driver is missing may fail as late as in the
/// creation of the session. The runtime does not tell that from a bad model,
/// so creation is tried again without the provider.
Status CreateWithFallback(const Attempt& attempt, std::vector<Asked>* asked,
                          SessionHandle* session) {
  Status status = CreateWith(attempt, asked, session);
  while (!status.ok() && status.code() != ErrorCode::kInvalidArgument &&
         status.code() != ErrorCode::kCancelled && asked->size() > 1 && !IsCpuOnly(*asked)) {
    asked->erase(asked->begin());
    status = CreateWith(attempt, asked, session);
  }
  if (status.ok() || IsCpuOnly(*asked) || status.code() == ErrorCode::kProviderUnavailable ||
      status.code() == ErrorCode::kInvalidArgument || status.code() == ErrorCode::kCancelled) {
    return status;
  }
  std::vector<Asked> cpu_only;
  SessionHandle without_provider;
  if (!CreateWith(attempt, &cpu_only, &without_provider).ok()) return status;
  const Asked& provider = asked->front();
  return {ErrorCode::kProviderUnavailable,
          provider.path + ": the provider '" + provider.request.name +
              "' cannot run this model here; check its drivers and options, or list 'cpu' after it",
          status.cause()};
}

Status CpuMemory(MemoryInfoHandle* memory) {
  OrtMemoryInfo* info = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(
      Functions().CreateCpuMemoryInfo(kAllocatorDevice, kMemoryDefault, &info), Stage::kCreate,
      "memory info");
  memory->reset(info);
  return Status::Ok();
}

}  // namespace

Status CreateOrtSession(const Environment& environment, ModelSource source,
                        const SessionOptions& options, std::unique_ptr<Session>* session) {
  if (options.resize_inputs) {
    return {ErrorCode::kUnsupported,
            "options.resizeInputs: an ONNX model's fixed dims are part of its graph and cannot be "
            "changed for a session; export the model with dynamic dimensions"};
  }
  const Bytes model(source.bytes.data, source.bytes.size);
  // The runtime counts a model's bytes in an int.
  if (model.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return {ErrorCode::kModelInvalid,
            "model: larger than 2 GiB; store the weights as external data"};
  }
  const bool ort_format = IsOrtFormat(model);
  ModelScan scan;
  ExternalData external;
  if (!ort_format) {
    ONLITE_RETURN_IF_ERROR(ScanModel(model, &scan));
    ONLITE_RETURN_IF_ERROR(CheckFreeDimensions(options, scan));
    ONLITE_RETURN_IF_ERROR(FindExternalData(scan, source, options, &external));
  }

  EmptyTensorGuard guard;
  if (ort_format) guard = EmptyTensorGuard::OfOrtFormat(model);
  if (scan.fatal_operators) guard = EmptyTensorGuard::OfOnnx(model);
  const bool from_file =
      source.file != nullptr && !ort_format && external.folder.empty() && !external.by_path;
  if (from_file) source.bytes = {};

  const Attempt attempt = {environment, source, options, external, from_file};
  std::vector<Asked> asked = AskedProviders(options);
  // Until the session's handle has gone into safe hands, or is released.
  DeviceTurn turn;
  const ProviderTraits traits = TraitsOf(NamesOf(asked));
  if (traits.takes_turns) ONLITE_RETURN_IF_ERROR(turn.Wait(options.cancel));
  const CudaTurn cuda_turn(traits.cuda_turn);
  SessionHandle handle;
  const Status created = CreateWithFallback(attempt, &asked, &handle);
  if (from_file && !source.file->IsUnchanged()) {
    return {ErrorCode::kModelUnreadable, "model: the file was written to while it was loaded"};
  }
  ONLITE_RETURN_IF_ERROR(created);

  SessionInfo info;
  info.engine = Engine::kOnnxRuntime;
  info.providers = NamesOf(asked);
  info.takes_turns = TraitsOf(info.providers).takes_turns;
  info.captures_graphs = std::any_of(asked.begin(), asked.end(), [](const Asked& provider) {
    return CapturesGraphs(provider.request);
  });
  // The profiler of a pool of threads bears one run at a time, and so do graphs.
  info.reentrant = options.profile_prefix.empty() && !info.takes_turns && !info.captures_graphs;
  info.concurrency = info.reentrant && options.concurrency > 0 ? options.concurrency : 1;
  if (info.providers.empty() || info.providers.back() != "cpu") info.providers.emplace_back("cpu");
  SignatureInfo signature;
  ONLITE_RETURN_IF_ERROR(ReadSignature(handle.get(), scan, &signature));
  info.signatures.push_back(std::move(signature));
  ONLITE_RETURN_IF_ERROR(ReadMetadata(handle.get(), &info.metadata));
  MemoryInfoHandle cpu;
  ONLITE_RETURN_IF_ERROR(CpuMemory(&cpu));
  std::vector<SharedBytes> kept;
  // With some config entries a session reads a model in ORT format in place.
  if (ort_format) kept.push_back(source.bytes);
  for (PassedInitializer& tensor : external.passed) kept.push_back(std::move(tensor.bytes));
  *session = std::make_unique<OrtModelSession>(environment.env, std::move(info), std::move(guard),
                                               std::move(kept), std::move(cpu), std::move(handle));
  return Status::Ok();
}

}  // namespace onlite::ort
