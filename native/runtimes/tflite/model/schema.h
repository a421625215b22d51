#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/dtype.h"

/// The TensorFlow Lite model file (a FlatBuffers schema, version 3): slots of
/// the tables' fields and the codes that mean something to onlite.
namespace onlite::tflite::schema {

inline constexpr std::string_view kModelIdentifier = "TFL3";
inline constexpr std::string_view kMetadataIdentifier = "M001";
inline constexpr uint32_t kVersion = 3;

// A table's name and then its fields, in the schema's order.
struct Model {
  enum : size_t {
    kVersion,
    kOperatorCodes,
    kSubgraphs,
    kDescription,
    kBuffers,
    kMetadataBuffer,
    kMetadata,
    kSignatureDefs
  };
};
struct OperatorCode {
  enum : size_t { kDeprecatedBuiltinCode, kCustomCode, kVersion, kBuiltinCode };
};
struct SubGraph {
  enum : size_t { kTensors, kInputs, kOutputs, kOperators, kName };
};
struct Tensor {
  enum : size_t {
    kShape,
    kType,
    kBuffer,
    kName,
    kQuantization,
    kIsVariable,
    kSparsity,
    kShapeSignature,
    kHasRank,
    kVariantTensors
  };
};
struct Quantization {
  enum : size_t { kMin, kMax, kScale, kZeroPoint, kDetailsType, kDetails, kQuantizedDimension };
};
struct Sparsity {
  enum : size_t { kTraversalOrder, kBlockMap, kDimMetadata };
};
struct DimensionMetadata {
  enum : size_t {
    kFormat,
    kDenseSize,
    kArraySegmentsType,
    kArraySegments,
    kArrayIndicesType,
    kArrayIndices
  };
};
struct VariantSubType {
  enum : size_t { kShape, kType, kHasRank };
};
struct Operator {
  enum : size_t {
    kOpcodeIndex,
    kInputs,
    kOutputs,
    kBuiltinOptionsType,
    kBuiltinOptions,
    kCustomOptions,
    kCustomOptionsFormat,
    kMutatingVariableInputs,
    kIntermediates,
    kLargeCustomOptionsOffset,
    kLargeCustomOptionsSize,
    kBuiltinOptions2Type,
    kBuiltinOptions2
  };
};
struct DepthwiseConv2DOptions {
  enum : size_t { kPadding, kStrideW, kStrideH, kDepthMultiplier };
};
struct VarHandleOptions {
  enum : size_t { kContainer, kSharedName };
};
struct Buffer {
  enum : size_t { kData, kOffset, kSize };
};
struct Metadata {
  enum : size_t { kName, kBuffer };
};
struct SignatureDef {
  enum : size_t { kInputs, kOutputs, kSignatureKey, kDeprecatedTag, kSubgraphIndex };
};
struct TensorMap {
  enum : size_t { kName, kTensorIndex };
};
/// The root of a TFLITE_METADATA buffer.
struct ModelMetadata {
  enum : size_t {
    kName,
    kDescription,
    kVersion,
    kSubgraphMetadata,
    kAuthor,
    kLicense,
    kAssociatedFiles,
    kMinParserVersion
  };
};

/// Built-in operators that onlite treats by name.
enum BuiltinOperator : int32_t {
  kAveragePool2d = 1,
  kConcatenation = 2,
  kConv2d = 3,
  kDepthwiseConv2d = 4,
  kDepthToSpace = 5,
  kEmbeddingLookup = 7,
  kFullyConnected = 9,
  kL2Pool2d = 12,
  kLshProjection = 15,
  kLstm = 16,
  kMaxPool2d = 17,
  kRnn = 24,
  kSpaceToDepth = 26,
  kSvdf = 27,
  kCall = 31,
  kCustom = 32,
  kUnidirectionalSequenceRnn = 35,
  kUnidirectionalSequenceLstm = 44,
  kBidirectionalSequenceRnn = 46,
  kSplit = 49,
  kBidirectionalSequenceLstm = 52,
  kTransposeConv = 67,
  kUnpack = 88,
  kSplitV = 102,
  kIf = 118,
  kWhile = 119,
  kCallOnce = 129,
  kConv3d = 132,
  kConv3dTranspose = 141,
  kVarHandle = 142,
  kReadVariable = 143,
  kAssignVariable = 144,
  kFirstStablehlo = 162,
};

/// QuantizationDetails, as far as they have a meaning here.
enum QuantizationDetails : uint8_t { kCustomQuantization = 1, kBlockwiseQuantization = 2 };

/// TensorType of the file.
enum TensorType : int8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt32 = 2,
  kUInt8 = 3,
  kInt64 = 4,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kComplex64 = 8,
  kInt8 = 9,
  kFloat64 = 10,
  kComplex128 = 11,
  kUInt64 = 12,
  kResource = 13,
  kVariant = 14,
  kUInt32 = 15,
  kUInt16 = 16,
  kInt4 = 17,
  kBFloat16 = 18,
};

/// The element type of a TensorType; kUndefined for resources, variants and
/// codes that came after this table.
ElementType ElementTypeOf(int8_t type);

}  // namespace onlite::tflite::schema
