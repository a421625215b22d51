#include "runtimes/tflite/model/tensor_verifier.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "core/tensor.h"
#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/model/sparsity_verifier.h"
#include "runtimes/tflite/model/strings.h"

namespace onlite::tflite {
namespace {

using Scope = FlatBuffer::Scope;

/// No kernel goes beyond; also bounds what a hostile shape costs to check.
constexpr size_t kMaxRank = 32;

/// Kernels index elements with 32-bit integers. A damaged shape that goes beyond
/// also makes the delegate ask for memory that there is not.
constexpr size_t kMaxElements = INT32_MAX;

Dims VerifyShape(FlatBuffer* file, const FlatTable& table, size_t slot, const char* name) {
  const Scope scope(file, name);
  const auto shape = table.Vector<int32_t>(slot);
  Dims dims;
  if (shape.size() > kMaxRank) {
    file->Fail("more than 32 dimensions");
    return dims;
  }
  for (size_t index = 0; index < shape.size(); ++index) {
    if (shape[index] < -1) file->Fail("a negative dimension");
    dims.push_back(shape[index]);
  }
  return dims;
}

/// The delegate aborts on a zero point that the type cannot hold.
bool FitsType(int64_t zero_point, int8_t type) {
  switch (type) {
    case schema::kInt4: return zero_point >= -8 && zero_point <= 7;
    case schema::kInt8: return zero_point >= -128 && zero_point <= 127;
    case schema::kUInt8: return zero_point >= 0 && zero_point <= 255;
    case schema::kInt16: return zero_point >= -32768 && zero_point <= 32767;
    case schema::kUInt16: return zero_point >= 0 && zero_point <= 65535;
    default: return zero_point >= INT32_MIN && zero_point <= INT32_MAX;
  }
}

void VerifyQuantization(FlatBuffer* file, const FlatTable& quantization, int8_t type,
                        const Dims& shape) {
  const Scope scope(file, "quantization");
  using Fields = schema::Quantization;
  quantization.Vector<float>(Fields::kMin);
  quantization.Vector<float>(Fields::kMax);
  const auto scale = quantization.Vector<float>(Fields::kScale);
  const auto zero_point = quantization.Vector<int64_t>(Fields::kZeroPoint);
  // Custom quantization (1) is a byte vector; the runtime ignores other kinds.
  if (quantization.Scalar<uint8_t>(Fields::kDetailsType, 0) == 1) {
    quantization.Table(Fields::kDetails).Vector<uint8_t>(0);
  }
  if (scale.size() == 0) return;
  if (!file->Spend(scale.size())) return;
  for (size_t index = 0; index < scale.size(); ++index) {
    const bool usable = std::isfinite(scale[index]) && scale[index] >= 0;
    if (!usable) return file->Fail("a scale that is negative or no number");
  }
  for (size_t index = 0; index < std::min(zero_point.size(), scale.size()); ++index) {
    if (!FitsType(zero_point[index], type)) {
      return file->Fail("a zero point outside the tensor's type");
    }
  }
  if (zero_point.size() != scale.size() && zero_point.size() != 1 && zero_point.size() != 0) {
    return file->Fail("scale and zero_point differ in length");
  }
  if (scale.size() == 1) return;
  const auto axis = quantization.Scalar<int32_t>(Fields::kQuantizedDimension, 0);
  if (axis < 0 || static_cast<size_t>(axis) >= shape.size()) {
    return file->Fail("quantized_dimension is not one of the shape");
  }
  const int64_t dim = shape[static_cast<size_t>(axis)];
  if (dim >= 0 && static_cast<size_t>(dim) != scale.size()) {
    return file->Fail("as many scales as the quantized dimension is long are needed");
  }
}

/// A constant must be exactly as long as its shape says: kernels read by shape.
void VerifyConstant(FlatBuffer* file, int8_t type, const Dims& shape,
                    std::span<const uint8_t> data) {
  const size_t bytes = data.size();
  const ElementType element = schema::ElementTypeOf(type);
  if (element == ElementType::kUndefined) return;
  const std::optional<size_t> elements = ElementCount(shape);
  if (!elements) return file->Fail("a constant with a dynamic shape");
  if (element == ElementType::kString) {
    std::vector<std::string> strings;
    if (!DecodeStrings(data, *elements, &strings)) file->Fail("damaged strings");
    return;
  }
  const std::optional<size_t> expected = TensorBytes(element, shape);
  // Older converters stored int4 one element a byte.
  const bool loose_int4 = element == ElementType::kInt4 && bytes == *elements;
  if (!expected || (bytes != *expected && !loose_int4)) {
    file->Fail("a constant of " + std::to_string(bytes) + " bytes with shape " +
               DimsToString(shape) + " of " + std::string(ElementTypeName(element)));
  }
}

void VerifyVariantTensors(FlatBuffer* file, const FlatTable& tensor) {
  const FlatTables variants = tensor.Tables(schema::Tensor::kVariantTensors);
  for (size_t index = 0; index < variants.size() && file->ok(); ++index) {
    const FlatTable variant = variants[index];
    VerifyShape(file, variant, schema::VariantSubType::kShape, "variant_tensors");
    variant.Scalar<int8_t>(schema::VariantSubType::kType, 0);
    variant.Scalar<uint8_t>(schema::VariantSubType::kHasRank, 0);
  }
}

}  // namespace

TensorFacts VerifyTensor(FlatBuffer* file, const FlatTable& tensor,
                         const std::vector<std::span<const uint8_t>>& buffers) {
  using Fields = schema::Tensor;
  TensorFacts facts;
  const Dims shape = VerifyShape(file, tensor, Fields::kShape, "shape");
  const Dims signature = VerifyShape(file, tensor, Fields::kShapeSignature, "shape_signature");
  const auto type = tensor.Scalar<int8_t>(Fields::kType, 0);
  if (!signature.empty() && signature.size() != shape.size()) {
    file->Fail("shape and shape_signature differ in rank");
  }
  if (type < 0) file->Fail("a negative type");
  tensor.String(Fields::kName);
  facts.variable = tensor.Scalar<uint8_t>(Fields::kIsVariable, 0) != 0;
  facts.empty = ElementCount(shape) == size_t{0};
  const bool dynamic = std::find(shape.begin(), shape.end(), -1) != shape.end();
  if (!dynamic && ElementCount(shape).value_or(SIZE_MAX) > kMaxElements) {
    file->Fail("a shape with more elements than can be indexed");
  }
  VerifyQuantization(file, tensor.Table(Fields::kQuantization), type, shape);
  VerifyVariantTensors(file, tensor);

  const auto buffer = tensor.Scalar<uint32_t>(Fields::kBuffer, 0);
  if (buffer >= buffers.size()) {
    file->Fail("no such buffer");
    return facts;
  }
  const std::span<const uint8_t> data = buffers[buffer];
  const FlatTable sparsity = tensor.Table(Fields::kSparsity);
  facts.constant = !data.empty();
  if (facts.constant && facts.variable) file->Fail("a variable with constant data");
  if (sparsity.present()) {
    VerifySparsity(file, sparsity, shape);
  } else if (facts.constant) {
    VerifyConstant(file, type, shape, data);
  }
  if (!facts.constant && !dynamic &&
      TensorBytes(schema::ElementTypeOf(type), shape).value_or(0) > kMaxTensorBytes) {
    file->Fail("a shape of more than 2 GiB");
  }
  return facts;
}

}  // namespace onlite::tflite
