#include "runtimes/tflite/profile/profile.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/dtype.h"
#include "runtimes/tflite/model/metadata.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/model/operator_list.h"
#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/run/invocation.h"
#include "runtimes/tflite/run/request.h"
#include "runtimes/tflite/session.h"

namespace onlite::tflite {
namespace {

/// Describes the model's own operators.
class Describer {
 public:
  Describer(const Model& model, const Interpreter& interpreter)
      : interpreter_(interpreter), subgraphs_(ReadSubgraphs(model.file())) {}

  size_t OperatorCount(int64_t subgraph) const {
    return IsSubgraph(subgraph) ? subgraphs_[static_cast<size_t>(subgraph)].operators.size() : 0;
  }

  void Describe(ProfiledOperator* profiled) const {
    const int64_t index = profiled->index;
    if (index < 0 || static_cast<size_t>(index) >= OperatorCount(profiled->subgraph)) return;
    const DeclaredSubgraph& subgraph = subgraphs_[static_cast<size_t>(profiled->subgraph)];
    const DeclaredOperator& declared = subgraph.operators[static_cast<size_t>(index)];
    profiled->builtin_code = declared.builtin_code;
    profiled->custom_name = declared.custom_name;
    profiled->inputs = Tensors(profiled->subgraph, declared.inputs);
    profiled->outputs = Tensors(profiled->subgraph, declared.outputs);
    for (const int32_t output : declared.outputs) {
      if (output < 0 || static_cast<size_t>(output) >= subgraph.tensors.size()) continue;
      profiled->output_name = subgraph.tensors[static_cast<size_t>(output)].name;
      break;
    }
  }

 private:
  bool IsSubgraph(int64_t subgraph) const {
    return subgraph >= 0 && static_cast<size_t>(subgraph) < subgraphs_.size();
  }

  std::vector<ProfiledTensor> Tensors(int64_t subgraph, const std::vector<int32_t>& indices) const {
    std::vector<ProfiledTensor> tensors;
    for (const int32_t index : indices) {
      const auto& declared = subgraphs_[static_cast<size_t>(subgraph)].tensors;
      if (index < 0 || static_cast<size_t>(index) >= declared.size()) continue;
      tensors.push_back(Tensor(subgraph, index, declared[static_cast<size_t>(index)]));
    }
    return tensors;
  }

  ProfiledTensor Tensor(int64_t subgraph, int32_t index, const DeclaredTensor& declared) const {
    ProfiledTensor tensor;
    tensor.type = static_cast<unsigned char>(declared.type);
    tensor.dims = declared.dims;
    const Api& api = interpreter_.api();
    const TfLiteTensor* actual = subgraph == 0 ? interpreter_.PrimaryTensor(index) : nullptr;
    if (actual == nullptr) {
      tensor.bytes = TensorBytes(schema::ElementTypeOf(declared.type), tensor.dims).value_or(0);
      return tensor;
    }
    tensor.dims.clear();
    const int32_t rank = api.TensorNumDims(actual);
    for (int32_t dim = 0; dim < rank; ++dim) tensor.dims.push_back(api.TensorDim(actual, dim));
    tensor.bytes = api.TensorByteSize(actual);
    return tensor;
  }

  const Interpreter& interpreter_;
  const std::vector<DeclaredSubgraph> subgraphs_;
};

}  // namespace

OperatorProfile DescribeProfile(const Model& model, const Interpreter& interpreter,
                                const OperatorRecorder& recorder) {
  const Describer describer(model, interpreter);
  OperatorProfile profile;
  profile.total_ns = recorder.total_ns();
  std::set<int64_t> subgraphs;
  std::set<std::pair<int64_t, int64_t>> by_builtin_kernels;
  for (const RecordedOperator& recorded : recorder.operators()) {
    ProfiledOperator profiled;
    profiled.kernel = recorded.kernel;
    profiled.subgraph = recorded.subgraph;
    profiled.partition = recorded.partition;
    profiled.index = recorded.index;
    profiled.count = recorded.count;
    // XNNPACK's microseconds may add up to more than the clock around them saw.
    profiled.nanoseconds = std::max<int64_t>(recorded.nanoseconds, 0);
    subgraphs.insert(recorded.subgraph);
    if (recorded.partition < 0) {
      describer.Describe(&profiled);
      by_builtin_kernels.emplace(recorded.subgraph, recorded.index);
    }
    profile.operators.push_back(std::move(profiled));
  }
  for (const int64_t subgraph : subgraphs) {
    for (size_t index = 0; index < describer.OperatorCount(subgraph); ++index) {
      if (by_builtin_kernels.contains({subgraph, static_cast<int64_t>(index)})) continue;
      ProfiledOperator delegated;
      delegated.subgraph = subgraph;
      delegated.index = static_cast<int64_t>(index);
      describer.Describe(&delegated);
      profile.delegated.push_back(std::move(delegated));
    }
  }
  return profile;
}

Status TfLiteSession::Profile(const RunRequest& request, size_t runs, OperatorProfile* profile) {
  if (!CanProfile(model_->library())) {
    return {ErrorCode::kUnsupported,
            "profile: this TensorFlow Lite (" + model_->library().version() +
                ") has no profiler that onlite knows; 2.17.1 and 2.20 have"};
  }
  std::vector<const TensorView*> feeds;
  ONLITE_RETURN_IF_ERROR(CheckRequest(model_->info(), request, &feeds));
  std::shared_ptr<const EmptyOutputs> empty;
  ONLITE_RETURN_IF_ERROR(shapes_.Check(request.signature, feeds, &empty));
  if (empty != nullptr) {
    // Every output is empty, so that no operator is run.
    *profile = {};
    return Status::Ok();
  }
  OperatorRecorder recorder;
  InterpreterSettings settings = interpreters_->settings();
  // The shared one may not change any more; a private one saves nothing.
  settings.weights = nullptr;
  settings.profiler = recorder.profiler();
  std::unique_ptr<Model> readable;
  if (!HasSoundConversionMetadata(model_->file())) {
    const SharedBytes bytes = HideConversionMetadata(model_->file());
    if (bytes.data == nullptr) {
      return {ErrorCode::kOutOfMemory, "profile: not enough memory for the model"};
    }
    ONLITE_RETURN_IF_ERROR(
        Model::Create(model_->library(), bytes, model_->resize_inputs(), &readable));
  }
  const Model& model = readable != nullptr ? *readable : *model_;
  std::unique_ptr<Interpreter> interpreter;
  ONLITE_RETURN_IF_ERROR(Interpreter::Create(model, settings, &interpreter));
  Status set = interpreter->SetShapes(request.signature, feeds);
  if (set.code() == ErrorCode::kProviderUnavailable && interpreters_->fallback()) {
    settings = *interpreters_->fallback();
    settings.profiler = recorder.profiler();
    ONLITE_RETURN_IF_ERROR(Interpreter::Create(model, settings, &interpreter));
    set = interpreter->SetShapes(request.signature, feeds);
  }
  ONLITE_RETURN_IF_ERROR(set);
  const SignatureInfo& signature = info_.signatures[request.signature];
  for (size_t run = 0; run <= runs; ++run) {
    for (size_t index = 0; index < feeds.size(); ++index) {
      ONLITE_RETURN_IF_ERROR(FeedTensor(interpreter->api(), *feeds[index],
                                        interpreter->runner(request.signature).Input(index),
                                        signature.inputs[index].name));
    }
    const bool counts = run > 0;
    if (counts) recorder.StartRun();
    const Status invoked = Invoke(interpreter.get(), request.signature, request.cancel);
    if (counts) recorder.FinishRun();
    ONLITE_RETURN_IF_ERROR(invoked);
  }
  if (!recorder.complete()) {
    return {ErrorCode::kRunFailed, "profile: TensorFlow Lite's events could not be followed"};
  }
  *profile = DescribeProfile(*model_, *interpreter, recorder);
  return Status::Ok();
}

}  // namespace onlite::tflite
