#include "runtimes/tflite/model/operator_support.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "runtimes/tflite/error_log.h"
#include "runtimes/tflite/model/operator_list.h"
#include "runtimes/tflite/model/operator_names.h"
#include "runtimes/tflite/model/probe_model.h"
#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

/// Custom operators among the library's own kernels, of every version that onlite
/// knows. Others may have been built into a library; it is asked.
constexpr std::array<std::string_view, 4> kInLibrary = {"AudioSpectrogram", "Mfcc", "NumericVerify",
                                                        "TFLite_Detection_PostProcess"};

/// How the library takes a model of ours.
enum class Answer : uint8_t { kRefused, kUnresolved, kOther };

Answer Ask(const Library& library, const std::vector<uint8_t>& bytes, bool allocate) {
  const Api& api = library.api();
  ErrorLog log;
  const ModelHandle model(
      api.ModelCreateWithErrorReporter != nullptr
          ? api.ModelCreateWithErrorReporter(bytes.data(), bytes.size(), &ErrorLog::Report, &log)
          : api.ModelCreate(bytes.data(), bytes.size()),
      {&api});
  const OptionsHandle options(api.InterpreterOptionsCreate(), {&api});
  if (model == nullptr || options == nullptr) return Answer::kOther;
  api.InterpreterOptionsSetNumThreads(options.get(), 1);
  api.InterpreterOptionsSetErrorReporter(options.get(), &ErrorLog::Report, &log);
  const InterpreterHandle interpreter(api.InterpreterCreate(model.get(), options.get()), {&api});
  if (interpreter == nullptr) return Answer::kRefused;
  if (!allocate) return Answer::kOther;
  return api.InterpreterAllocateTensors(interpreter.get()) == ApiStatus::kUnresolvedOps
             ? Answer::kUnresolved
             : Answer::kOther;
}

std::vector<size_t> EntrySubgraphs(const Model& model) {
  std::vector<size_t> from;
  for (const EntryPoint& entry : model.info().entry_points) from.push_back(entry.subgraph);
  return from;
}

Status Unsupported(const std::string& path, const std::string& name, const std::string& why) {
  return {ErrorCode::kUnsupported, path + ": " + name + ": " + why};
}

/// The windows of both are of one size, so that a position in one of the
/// pooling's is a position in one of the unpooling's.
bool HasSameWindow(const DeclaredOperator& one, const DeclaredOperator& other) {
  constexpr size_t kFilter = 12;  // after the padding and two strides
  constexpr size_t kBytes = 8;
  return one.custom_options.size() >= kFilter + kBytes &&
         other.custom_options.size() >= kFilter + kBytes &&
         std::memcmp(one.custom_options.data() + kFilter, other.custom_options.data() + kFilter,
                     kBytes) == 0;
}

/// XNNPACK writes where the indices say, whatever they are: they must be those
/// that a pooling has made.
bool HasTrustedIndices(const DeclaredSubgraph& subgraph, const DeclaredOperator& unpooling) {
  if (unpooling.inputs.size() != 2) return false;
  return std::any_of(
      subgraph.operators.begin(), subgraph.operators.end(), [&](const DeclaredOperator& pooling) {
        return pooling.custom_name == "MaxPoolingWithArgmax2D" && pooling.outputs.size() == 2 &&
               pooling.outputs[1] == unpooling.inputs[1] && HasSameWindow(pooling, unpooling);
      });
}

/// Looks at the custom operators of one model.
class Checker {
 public:
  Checker(const Library& library, const std::vector<ProviderPlan>& plans)
      : library_(library),
        xnnpack_(std::any_of(plans.begin(), plans.end(),
                             [](const ProviderPlan& plan) { return plan.xnnpack; })) {}

  Status Check(const DeclaredSubgraph& subgraph, const DeclaredOperator& custom,
               const std::string& path) {
    const std::string& name = custom.custom_name;
    if (std::find(kInLibrary.begin(), kInLibrary.end(), name) != kInLibrary.end()) {
      return Status::Ok();
    }
    if (known_.contains(name)) return Status::Ok();
    if (StandIns::Has(library_, name) && xnnpack_) {
      if (name == "MaxUnpooling2D" && !HasTrustedIndices(subgraph, custom)) {
        return Unsupported(path, name,
                           "its indices are not those of a MaxPoolingWithArgmax2D of the model, "
                           "and XNNPACK would write wherever they say");
      }
      delegated_.insert(name);
      return Status::Ok();
    }
    if (Ask(library_, CustomModel(subgraph, custom), true) == Answer::kUnresolved) {
      return Unsupported(path, name, Remedy(name));
    }
    known_.insert(name);
    return Status::Ok();
  }

  const std::set<std::string>& delegated() const { return delegated_; }

 private:
  std::string Remedy(const std::string& name) const {
    if (StandIns::Has(library_, name)) {
      return "of TensorFlow Lite only the XNNPACK delegate runs this custom operator; list "
             "'xnnpack' in executionProviders";
    }
    std::string text =
        "TensorFlow Lite " + library_.version() + " does not have this custom operator";
    if (name.starts_with("Flex")) {
      text += "; it is an operator of TensorFlow itself: convert the model without SELECT_TF_OPS";
    }
    return text;
  }

  const Library& library_;
  const bool xnnpack_;
  /// Asked about once, though it occurs often.
  std::set<std::string> known_;
  std::set<std::string> delegated_;
};

}  // namespace

Status CheckCustomOperators(const Model& model, std::vector<ProviderPlan>* plans,
                            std::unique_ptr<StandIns>* stand_ins) {
  if (!ListsCustomOperators(model.file())) return Status::Ok();
  const std::vector<DeclaredSubgraph> subgraphs = ReadSubgraphs(model.file());
  const std::vector<bool> reached = ReachedSubgraphs(subgraphs, EntrySubgraphs(model));
  Checker checker(model.library(), *plans);
  for (size_t at = 0; at < subgraphs.size(); ++at) {
    if (!reached[at]) continue;
    for (size_t index = 0; index < subgraphs[at].operators.size(); ++index) {
      const DeclaredOperator& declared = subgraphs[at].operators[index];
      if (declared.builtin_code != schema::kCustom) continue;
      ONLITE_RETURN_IF_ERROR(checker.Check(subgraphs[at], declared, OperatorPath(at, index)));
    }
  }
  if (checker.delegated().empty()) return Status::Ok();
  plans->erase(std::remove_if(plans->begin(), plans->end(),
                              [](const ProviderPlan& plan) { return !plan.xnnpack; }),
               plans->end());
  *stand_ins = StandIns::Create(model.library(), checker.delegated());
  if (*stand_ins != nullptr) return Status::Ok();
  return {ErrorCode::kOutOfMemory, "not enough memory for the model's custom operators"};
}

Status FindUnknownBuiltin(const Model& model) {
  const std::vector<DeclaredSubgraph> subgraphs = ReadSubgraphs(model.file());
  std::set<std::pair<int32_t, int32_t>> asked;
  for (size_t at = 0; at < subgraphs.size(); ++at) {
    for (size_t index = 0; index < subgraphs[at].operators.size(); ++index) {
      const DeclaredOperator& declared = subgraphs[at].operators[index];
      if (declared.builtin_code == schema::kCustom) continue;
      if (!asked.emplace(declared.builtin_code, declared.version).second) continue;
      if (Ask(model.library(), ListingModel(declared), false) != Answer::kRefused) continue;
      return Unsupported(OperatorPath(at, index), OperatorName(declared),
                         "TensorFlow Lite " + model.library().version() +
                             " does not have version " + std::to_string(declared.version) +
                             " of this operator");
    }
  }
  return Status::Ok();
}

}  // namespace onlite::tflite
