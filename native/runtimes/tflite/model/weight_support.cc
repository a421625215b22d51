#include "runtimes/tflite/model/weight_support.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "runtimes/tflite/model/flatbuffer.h"
#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

/// 2.17.1 is 2017.
int ParseVersion(const std::string& text) {
  int major = 0;
  int minor = 0;
  const char* const end = text.data() + text.size();
  const char* const dot = std::from_chars(text.data(), end, major).ptr;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  return major * 1000 + minor;
}

/// The version that was seen to do what 2.17.1 does not.
constexpr int kNewer = 2020;

/// An operator whose second input is its weights.
struct Weighted {
  const char* name;
  size_t data;
};

std::optional<Weighted> WeightedOperator(int32_t code) {
  switch (code) {
    case schema::kConv2d: return Weighted{"CONV_2D", 0};
    case schema::kDepthwiseConv2d: return Weighted{"DEPTHWISE_CONV_2D", 0};
    case schema::kEmbeddingLookup: return Weighted{"EMBEDDING_LOOKUP", 0};
    case schema::kFullyConnected: return Weighted{"FULLY_CONNECTED", 0};
    case schema::kTransposeConv: return Weighted{"TRANSPOSE_CONV", 2};
    default: return std::nullopt;
  }
}

enum class Support : uint8_t { kAll, kDelegate, kNone };

bool IsInBlocks(const FlatTable& tensor) {
  const FlatTable quantization = tensor.Table(schema::Tensor::kQuantization);
  return quantization.Scalar<uint8_t>(schema::Quantization::kDetailsType, 0) ==
         schema::kBlockwiseQuantization;
}

bool HasScaleForEachRow(const FlatTable& weights) {
  const auto shape = weights.Vector<int32_t>(schema::Tensor::kShape);
  const auto scale =
      weights.Table(schema::Tensor::kQuantization).Vector<float>(schema::Quantization::kScale);
  return shape.size() > 0 && static_cast<size_t>(shape[0]) == scale.size();
}

/// With weights of four bits.
Support Int4Support(int32_t code, int8_t data_type, const FlatTable& weights, int version) {
  switch (code) {
    case schema::kConv2d:
      return data_type == schema::kInt8 || version >= kNewer ? Support::kAll : Support::kNone;
    case schema::kDepthwiseConv2d:
      return data_type == schema::kInt8 ? Support::kAll : Support::kNone;
    case schema::kFullyConnected:
      if (data_type == schema::kFloat32) {
        return HasScaleForEachRow(weights) ? Support::kDelegate : Support::kNone;
      }
      if (data_type == schema::kInt8) return Support::kAll;
      return data_type == schema::kInt16 && version >= kNewer ? Support::kAll : Support::kNone;
    default: return Support::kNone;
  }
}

class WeightChecker {
 public:
  WeightChecker(std::span<const uint8_t> model, const std::string& version)
      : file_(model), version_text_(version), version_(ParseVersion(version)) {}

  Status Check(std::string* only_delegate) {
    const FlatTable model = file_.Root(schema::kModelIdentifier);
    codes_ = model.Tables(schema::Model::kOperatorCodes);
    const FlatTables subgraphs = model.Tables(schema::Model::kSubgraphs);
    for (size_t index = 0; index < subgraphs.size(); ++index) {
      const FlatTables operators = subgraphs[index].Tables(schema::SubGraph::kOperators);
      tensors_ = subgraphs[index].Tables(schema::SubGraph::kTensors);
      for (size_t at = 0; at < operators.size(); ++at) {
        ONLITE_RETURN_IF_ERROR(CheckOperator(operators[at], only_delegate));
      }
    }
    return Status::Ok();
  }

 private:
  Status CheckOperator(const FlatTable& op, std::string* only_delegate) {
    const FlatTable entry = codes_[op.Scalar<uint32_t>(schema::Operator::kOpcodeIndex, 0)];
    const int32_t code =
        std::max<int32_t>(entry.Scalar<int8_t>(schema::OperatorCode::kDeprecatedBuiltinCode, 0),
                          entry.Scalar<int32_t>(schema::OperatorCode::kBuiltinCode, 0));
    const auto inputs = op.Vector<int32_t>(schema::Operator::kInputs);
    const std::optional<Weighted> known = WeightedOperator(code);
    for (size_t index = 0; index < inputs.size(); ++index) {
      if (inputs[index] < 0) continue;
      const FlatTable tensor = tensors_[static_cast<size_t>(inputs[index])];
      if (!IsInBlocks(tensor)) continue;
      if (code == schema::kFullyConnected && version_ >= kNewer) continue;
      return Refuse(known ? known->name : "operator " + std::to_string(code), tensor,
                    "weights that are quantized in blocks");
    }
    if (!known || inputs.size() <= std::max<size_t>(known->data, 1) || inputs[1] < 0 ||
        inputs[known->data] < 0) {
      return Status::Ok();
    }
    const FlatTable weights = tensors_[static_cast<size_t>(inputs[1])];
    if (weights.Scalar<int8_t>(schema::Tensor::kType, 0) != schema::kInt4 || IsInBlocks(weights)) {
      return Status::Ok();
    }
    const FlatTable data = tensors_[static_cast<size_t>(inputs[known->data])];
    const auto type = data.Scalar<int8_t>(schema::Tensor::kType, 0);
    const Support support = Int4Support(code, type, weights, version_);
    if (support == Support::kAll) return Status::Ok();
    const std::string what =
        "int4 weights and " + std::string(ElementTypeName(schema::ElementTypeOf(type))) + " data";
    Status refused = Refuse(known->name, weights, what);
    if (support == Support::kNone) return refused;
    *only_delegate = refused.message();
    return Status::Ok();
  }

  Status Refuse(const std::string& name, const FlatTable& tensor, const std::string& what) const {
    return {ErrorCode::kUnsupported, name + ": TensorFlow Lite " + version_text_ +
                                         " cannot compute it with " + what + " (tensor '" +
                                         std::string(tensor.String(schema::Tensor::kName)) + "')"};
  }

  FlatBuffer file_;
  const std::string& version_text_;
  const int version_;
  FlatTables codes_;
  FlatTables tensors_;
};

}  // namespace

Status CheckWeightSupport(std::span<const uint8_t> model, const std::string& version,
                          std::string* only_delegate) {
  return WeightChecker(model, version).Check(only_delegate);
}

}  // namespace onlite::tflite
