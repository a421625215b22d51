#include "runtimes/tflite/model/operator_options.h"

#include <array>

#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

using Scope = FlatBuffer::Scope;

/// What a field of an options table must be.
enum class FieldKind : uint8_t {
  kPositive,         // int32, absent = 0: a stride, a filter or block size, a count
  kPositiveOrOne,    // int32, absent = 1: a dilation
  kInts,             // vector of int32
  kLongs,            // vector of int64
  kBytes,            // vector of bytes or bools
  kText,             // string
  kSubgraph,         // int32: a subgraph that is called
  kOptionalSubgraph  // int32: the same, absent or negative: none
};

/// A field of an options table, which is named by its code in the union. Tables
/// that are not listed have only scalars that kernels check themselves.
struct FieldRule {
  uint8_t table;
  uint8_t slot;
  FieldKind kind;
};

using enum FieldKind;

constexpr FieldRule kBuiltinOptions[] = {
    // Conv2D
    {1, 1, kPositive},
    {1, 2, kPositive},
    {1, 4, kPositiveOrOne},
    {1, 5, kPositiveOrOne},
    // DepthwiseConv2D; the depth multiplier (3) is derived when it is 0
    {2, 1, kPositive},
    {2, 2, kPositive},
    {2, 5, kPositiveOrOne},
    {2, 6, kPositiveOrOne},
    // ConcatEmbeddings
    {3, 1, kInts},
    {3, 2, kInts},
    // Pool2D
    {5, 1, kPositive},
    {5, 2, kPositive},
    {5, 3, kPositive},
    {5, 4, kPositive},
    // Call
    {16, 0, kSubgraph},
    // Reshape
    {17, 0, kInts},
    // SpaceToDepth
    {19, 0, kPositive},
    // Squeeze
    {30, 0, kInts},
    // Split
    {35, 0, kPositive},
    // TransposeConv
    {49, 1, kPositive},
    {49, 2, kPositive},
    // Unpack
    {64, 0, kPositive},
    // SplitV
    {79, 0, kPositive},
    // If
    {92, 0, kSubgraph},
    {92, 1, kSubgraph},
    // While
    {93, 0, kSubgraph},
    {93, 1, kSubgraph},
    // DepthToSpace
    {94, 0, kPositive},
    // CallOnce
    {103, 0, kSubgraph},
    // Conv3D
    {106, 1, kPositive},
    {106, 2, kPositive},
    {106, 3, kPositive},
    {106, 5, kPositiveOrOne},
    {106, 6, kPositiveOrOne},
    {106, 7, kPositiveOrOne},
    // VarHandle
    {111, 0, kText},
    {111, 1, kText},
    // Bucketize
    {115, 0, kInts},
};

/// The second union, of StableHLO and later operators.
constexpr FieldRule kBuiltinOptions2[] = {
    // BroadcastInDim
    {2, 0, kLongs},
    // Slice
    {3, 0, kLongs},
    {3, 1, kLongs},
    {3, 2, kLongs},
    // Convolution
    {4, 0, kLongs},
    {4, 1, kLongs},
    {4, 2, kLongs},
    {4, 3, kLongs},
    {4, 4, kBytes},
    {4, 7, kLongs},
    {4, 10, kLongs},
    {4, 13, kLongs},
    {4, 16, kInts},
    // CustomCall
    {5, 0, kText},
    {5, 2, kText},
    {5, 4, kInts},
    {5, 5, kBytes},
    // Reduce
    {6, 0, kLongs},
    {6, 1, kSubgraph},
    // Scatter
    {7, 1, kLongs},
    {7, 2, kLongs},
    {7, 3, kLongs},
    {7, 6, kSubgraph},
    // DynamicSlice
    {9, 0, kLongs},
    // Pad
    {10, 0, kLongs},
    {10, 1, kLongs},
    {10, 2, kLongs},
    // DotGeneral
    {12, 0, kLongs},
    {12, 1, kLongs},
    {12, 2, kLongs},
    {12, 3, kLongs},
    {12, 4, kInts},
    // ReduceWindow
    {13, 0, kLongs},
    {13, 1, kLongs},
    {13, 2, kLongs},
    {13, 3, kLongs},
    {13, 4, kLongs},
    {13, 5, kSubgraph},
    // Sort
    {14, 2, kSubgraph},
    // While
    {15, 0, kSubgraph},
    {15, 1, kSubgraph},
    // Gather
    {16, 0, kLongs},
    {16, 1, kLongs},
    {16, 2, kLongs},
    {16, 4, kLongs},
    // Transpose
    {17, 0, kLongs},
    // Composite
    {21, 0, kText},
    {21, 1, kOptionalSubgraph},
    {21, 2, kBytes},
};

/// Operators that divide by, or index with, what their options say: the options
/// they must have. Without them the runtime goes on with zeros.
struct NeededOptions {
  int32_t operator_code;
  uint8_t options;
};

constexpr std::array<NeededOptions, 16> kNeeded = {{
    {schema::kAveragePool2d, 5},
    {schema::kMaxPool2d, 5},
    {schema::kL2Pool2d, 5},
    {schema::kConcatenation, 10},
    {schema::kConv2d, 1},
    {schema::kDepthwiseConv2d, 2},
    {schema::kSpaceToDepth, 19},
    {schema::kDepthToSpace, 94},
    {schema::kSplit, 35},
    {schema::kSplitV, 79},
    {schema::kTransposeConv, 49},
    {schema::kUnpack, 64},
    {schema::kIf, 92},
    {schema::kWhile, 93},
    {schema::kCallOnce, 103},
    {schema::kConv3d, 106},
}};

void VerifyVector(FlatBuffer* file, const FlatTable& options, const FieldRule& field) {
  // The runtime copies these into arrays of its own; it checks their length.
  switch (field.kind) {
    case kInts: options.Vector<int32_t>(field.slot); break;
    case kLongs: options.Vector<int64_t>(field.slot); break;
    case kBytes: options.Vector<uint8_t>(field.slot); break;
    default: file->Fail("not a vector"); break;
  }
}

void VerifyField(FlatBuffer* file, const FlatTable& options, const FieldRule& field,
                 std::vector<int64_t>* calls) {
  switch (field.kind) {
    case kPositive:
    case kPositiveOrOne: {
      const int32_t fallback = field.kind == kPositive ? 0 : 1;
      if (options.Scalar<int32_t>(field.slot, fallback) <= 0) {
        file->Fail("a stride, size, count or dilation that is not positive");
      }
      break;
    }
    case kText: options.String(field.slot); break;
    case kSubgraph: calls->push_back(options.Scalar<int32_t>(field.slot, 0)); break;
    case kOptionalSubgraph: {
      const auto subgraph = options.Scalar<int32_t>(field.slot, 0);
      if (subgraph > 0) calls->push_back(subgraph);
      break;
    }
    default: VerifyVector(file, options, field); break;
  }
}

template <size_t kCount>
void VerifyTable(FlatBuffer* file, const FlatTable& options, uint8_t code,
                 const FieldRule (&rules)[kCount], std::vector<int64_t>* calls) {
  for (const FieldRule& rule : rules) {
    if (rule.table == code) VerifyField(file, options, rule, calls);
  }
}

}  // namespace

void VerifyOperatorOptions(FlatBuffer* file, const FlatTable& op, int32_t code,
                           std::vector<int64_t>* calls) {
  const Scope scope(file, "builtin_options");
  using Fields = schema::Operator;
  const auto type = op.Scalar<uint8_t>(Fields::kBuiltinOptionsType, 0);
  const auto type2 = op.Scalar<uint8_t>(Fields::kBuiltinOptions2Type, 0);
  for (const NeededOptions& needed : kNeeded) {
    if (needed.operator_code == code &&
        (needed.options != type || !op.Has(Fields::kBuiltinOptions))) {
      return file->Fail("an operator without its options");
    }
  }
  if (type != 0) {
    VerifyTable(file, op.Table(Fields::kBuiltinOptions), type, kBuiltinOptions, calls);
  }
  if (type2 != 0) {
    VerifyTable(file, op.Table(Fields::kBuiltinOptions2), type2, kBuiltinOptions2, calls);
  }
}

}  // namespace onlite::tflite
