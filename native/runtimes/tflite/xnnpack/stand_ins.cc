#include "runtimes/tflite/xnnpack/stand_ins.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/xnnpack/delegate.h"

namespace onlite::tflite {
namespace {

/// The vendor's TfLitePadding.
enum Padding : int32_t { kSame = 1, kValid = 2 };

/// The first members of TfLiteTransposeConvParams and TfLitePoolParams, which
/// these operators' options are.
struct WindowParams {
  int32_t padding = 0;
  int32_t stride_width = 0;
  int32_t stride_height = 0;
  int32_t filter_width = 0;
  int32_t filter_height = 0;
};

using Shape = std::array<int64_t, 4>;  // batch, height, width, channels

/// One operator of a graph that is being prepared.
class Node {
 public:
  Node(void* api, TfLiteOpaqueContext* context, TfLiteOpaqueNode* node)
      : api_(*static_cast<const Api*>(api)), context_(context), node_(node) {}

  bool Has(int inputs, int outputs) const {
    return api_.OpaqueNodeNumberOfInputs(node_) == inputs &&
           api_.OpaqueNodeNumberOfOutputs(node_) == outputs;
  }

  WindowParams Params() const {
    WindowParams params;
    const void* data = nullptr;
    int size = 0;
    if (api_.OpaqueNodeGetCustomInitialData(node_, &data, &size) == ApiStatus::kOk &&
        data != nullptr && size > 0) {
      std::memcpy(&params, data, std::min(static_cast<size_t>(size), sizeof(params)));
    }
    return params;
  }

  std::optional<Shape> Input(int index) const {
    // The vendor documents an opaque tensor to be the tensor itself.
    const auto* tensor =
        reinterpret_cast<const TfLiteTensor*>(api_.OpaqueNodeGetInput(context_, node_, index));
    Shape shape{};
    if (tensor == nullptr || api_.TensorNumDims(tensor) != static_cast<int32_t>(shape.size()) ||
        api_.TensorType(tensor) != ApiType::kFloat32) {
      return std::nullopt;
    }
    for (size_t dim = 0; dim < shape.size(); ++dim) {
      shape[dim] = api_.TensorDim(tensor, static_cast<int32_t>(dim));
      if (shape[dim] <= 0) return std::nullopt;
    }
    return shape;
  }

  ApiStatus Resize(int output, const Shape& shape) const {
    for (const int64_t dim : shape) {
      if (dim <= 0 || dim > std::numeric_limits<int32_t>::max()) return ApiStatus::kError;
    }
    TfLiteOpaqueTensor* tensor = api_.OpaqueNodeGetOutput(context_, node_, output);
    if (tensor == nullptr) return ApiStatus::kError;
    TfLiteIntArray* dims = api_.IntArrayCreate(static_cast<int>(shape.size()));
    if (dims == nullptr) return ApiStatus::kError;
    auto* data = reinterpret_cast<unsigned char*>(dims) + offsetof(IntArray, data);
    for (size_t dim = 0; dim < shape.size(); ++dim) {
      const int value = static_cast<int>(shape[dim]);
      std::memcpy(data + dim * sizeof(int), &value, sizeof(value));
    }
    return api_.OpaqueContextResizeTensor(context_, tensor, dims);
  }

 private:
  const Api& api_;
  TfLiteOpaqueContext* context_;
  TfLiteOpaqueNode* node_;
};

bool HasPadding(const WindowParams& params) {
  return params.padding == kSame || params.padding == kValid;
}

bool HasStrides(const WindowParams& params) {
  return params.stride_width > 0 && params.stride_height > 0;
}

/// The windows of a pooling that forgets no position: side by side.
bool HasTiles(const WindowParams& params) {
  return HasPadding(params) && HasStrides(params) && params.filter_width == params.stride_width &&
         params.filter_height == params.stride_height;
}

ApiStatus PrepareTransposeConvolution(void* api, TfLiteOpaqueContext* context,
                                      TfLiteOpaqueNode* opaque) {
  const Node node(api, context, opaque);
  if (!node.Has(3, 1)) return ApiStatus::kError;
  const WindowParams params = node.Params();
  const std::optional<Shape> input = node.Input(0);
  const std::optional<Shape> filter = node.Input(1);  // output channels, height, width, input's
  if (!HasPadding(params) || !HasStrides(params) || !input || !filter ||
      (*filter)[3] != (*input)[3]) {
    return ApiStatus::kError;
  }
  const auto extent = [&params](int64_t size, int64_t stride, int64_t window) {
    return params.padding == kSame ? size * stride : (size - 1) * stride + window;
  };
  return node.Resize(0, {(*input)[0], extent((*input)[1], params.stride_height, (*filter)[1]),
                         extent((*input)[2], params.stride_width, (*filter)[2]), (*filter)[0]});
}

ApiStatus PrepareMaxPooling(void* api, TfLiteOpaqueContext* context, TfLiteOpaqueNode* opaque) {
  const Node node(api, context, opaque);
  if (!node.Has(1, 2)) return ApiStatus::kError;
  const WindowParams params = node.Params();
  const std::optional<Shape> input = node.Input(0);
  if (!HasTiles(params) || !input) return ApiStatus::kError;
  const auto tiles = [&params](int64_t size, int64_t tile) {
    return params.padding == kSame ? (size + tile - 1) / tile : size / tile;
  };
  const Shape shape = {(*input)[0], tiles((*input)[1], params.filter_height),
                       tiles((*input)[2], params.filter_width), (*input)[3]};
  const ApiStatus values = node.Resize(0, shape);
  return values == ApiStatus::kOk ? node.Resize(1, shape) : values;
}

ApiStatus PrepareMaxUnpooling(void* api, TfLiteOpaqueContext* context, TfLiteOpaqueNode* opaque) {
  const Node node(api, context, opaque);
  if (!node.Has(2, 1)) return ApiStatus::kError;
  const WindowParams params = node.Params();
  const std::optional<Shape> values = node.Input(0);
  const std::optional<Shape> indices = node.Input(1);
  if (!HasTiles(params) || params.padding != kValid || !values || values != indices) {
    return ApiStatus::kError;
  }
  return node.Resize(0, {(*values)[0], (*values)[1] * params.filter_height,
                         (*values)[2] * params.filter_width, (*values)[3]});
}

struct Known {
  const char* name;
  OperatorPrepare prepare;
};

constexpr std::array<Known, 3> kKnown = {{
    {"Convolution2DTransposeBias", &PrepareTransposeConvolution},
    {"MaxPoolingWithArgmax2D", &PrepareMaxPooling},
    {"MaxUnpooling2D", &PrepareMaxUnpooling},
}};

const Known* Find(std::string_view name) {
  const auto* const known = std::find_if(kKnown.begin(), kKnown.end(),
                                         [name](const Known& one) { return name == one.name; });
  return known == kKnown.end() ? nullptr : known;
}

}  // namespace

bool StandIns::Has(const Library& library, std::string_view name) {
  return CanUseXnnpack(library) && library.api().has_operators() && Find(name) != nullptr;
}

std::unique_ptr<StandIns> StandIns::Create(const Library& library,
                                           const std::set<std::string>& names) {
  std::unique_ptr<StandIns> created(new StandIns(library.api()));
  created->names_ = names;
  // Handed back to the stand-ins as it is given; they do not change it.
  void* const api =
      const_cast<Api*>(&created->api_);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  for (const std::string& name : created->names_) {
    const Known* known = Find(name);
    if (known == nullptr) return nullptr;
    OperatorHandle made(created->api_.OperatorCreateWithData(schema::kCustom, name.c_str(), 1, api),
                        {&created->api_});
    if (made == nullptr) return nullptr;
    created->api_.OperatorSetPrepareWithData(made.get(), known->prepare);
    created->operators_.push_back(std::move(made));
  }
  return created;
}

void StandIns::AddTo(TfLiteInterpreterOptions* options) const {
  for (const OperatorHandle& made : operators_) {
    api_.InterpreterOptionsAddOperator(options, made.get());
  }
}

}  // namespace onlite::tflite
