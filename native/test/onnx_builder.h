#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

/// Small ONNX models as bytes, written field by field: the numbers are those of
/// onnx.proto3.
namespace onlite::onnx_builder {

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value > 0x7f; value >>= 7U) bytes += static_cast<char>((value & 0x7fU) | 0x80U);
  return bytes + static_cast<char>(value);
}
inline std::string Int(uint32_t field, int64_t value) {
  return Varint(static_cast<uint64_t>(field) << 3U) + Varint(static_cast<uint64_t>(value));
}
inline std::string Text(uint32_t field, const std::string& bytes) {
  return Varint((static_cast<uint64_t>(field) << 3U) | 2U) + Varint(bytes.size()) + bytes;
}

// TensorProto.DataType
enum DataType : int {
  kFloat = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kUInt2 = 25,
  kInt2 = 26,
};

/// A dim: a size, or a name.
struct Dim {
  Dim(int64_t dim_size) : size(dim_size) {}            // NOLINT: reads as a literal
  Dim(const char* symbol) : size(-1), name(symbol) {}  // NOLINT: reads as a literal
  int64_t size;
  std::string name;
};

inline std::string TensorType(int data_type, const std::vector<Dim>& dims) {
  std::string shape;
  for (const Dim& dim : dims) {
    shape += Text(1, dim.size >= 0 ? Int(1, dim.size) : Text(2, dim.name));
  }
  return Text(1, Int(1, data_type) + Text(2, shape));
}
inline std::string UnrankedTensorType(int data_type) { return Text(1, Int(1, data_type)); }
inline std::string SequenceType(const std::string& element) { return Text(4, Text(1, element)); }
inline std::string OptionalType(const std::string& element) { return Text(9, Text(1, element)); }
inline std::string MapType(int key, const std::string& value) {
  return Text(5, Int(1, key) + Text(2, value));
}
inline std::string NamedValue(const std::string& name, const std::string& type) {
  return Text(1, name) + Text(2, type);
}

// AttributeProto
inline std::string IntAttribute(const std::string& name, int64_t value) {
  return Text(1, name) + Int(3, value) + Int(20, 2);
}
inline std::string IntsAttribute(const std::string& name, const std::vector<int64_t>& values) {
  std::string bytes = Text(1, name);
  for (const int64_t value : values) bytes += Int(8, value);
  return bytes + Int(20, 7);
}
inline std::string StringsAttribute(const std::string& name,
                                    const std::vector<std::string>& values) {
  std::string bytes = Text(1, name);
  for (const std::string& value : values) bytes += Text(9, value);
  return bytes + Int(20, 8);
}
inline std::string TensorAttribute(const std::string& name, const std::string& tensor) {
  return Text(1, name) + Text(5, tensor) + Int(20, 4);
}
inline std::string GraphAttribute(const std::string& name, const std::string& graph) {
  return Text(1, name) + Text(6, graph) + Int(20, 5);
}
inline std::string TypeAttribute(const std::string& name, const std::string& type) {
  return Text(1, name) + Text(14, type) + Int(20, 13);
}

/// NodeProto
inline std::string Node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs,
                        const std::vector<std::string>& attributes = {},
                        const std::string& domain = {}) {
  std::string bytes;
  for (const std::string& input : inputs) bytes += Text(1, input);
  for (const std::string& output : outputs) bytes += Text(2, output);
  bytes += Text(4, op);
  for (const std::string& attribute : attributes) bytes += Text(5, attribute);
  if (!domain.empty()) bytes += Text(7, domain);
  return bytes;
}

inline std::string TensorHead(const std::string& name, int data_type,
                              const std::vector<int64_t>& dims) {
  std::string bytes;
  for (const int64_t dim : dims) bytes += Int(1, dim);
  return bytes + Int(2, data_type) + Text(8, name);
}
inline std::string RawTensor(const std::string& name, int data_type,
                             const std::vector<int64_t>& dims, const std::string& raw) {
  return TensorHead(name, data_type, dims) + Text(9, raw);
}
/// The entries are the keys and values of external_data.
inline std::string ExternalTensor(const std::string& name, int data_type,
                                  const std::vector<int64_t>& dims,
                                  const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string bytes = TensorHead(name, data_type, dims);
  for (const auto& [key, value] : entries) bytes += Text(13, Text(1, key) + Text(2, value));
  return bytes + Int(14, 1);
}

/// GraphProto and what is around it.
struct Graph {
  std::vector<std::string> nodes;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> initializers;

  std::string Bytes() const {
    std::string bytes;
    for (const std::string& node : nodes) bytes += Text(1, node);
    bytes += Text(2, "test graph");
    for (const std::string& initializer : initializers) bytes += Text(5, initializer);
    for (const std::string& input : inputs) bytes += Text(11, input);
    for (const std::string& output : outputs) bytes += Text(12, output);
    return bytes;
  }
};

inline std::string Model(const Graph& graph, int opset = 21, const std::string& extra = {}) {
  return Int(1, 10) + Text(2, "onlite-test") + Text(8, Int(2, opset)) +
         Text(8, Text(1, "ai.onnx.ml") + Int(2, 3)) + Text(7, graph.Bytes()) + extra;
}

/// output = op(input), both of one type.
inline std::string UnaryModel(const std::string& op, int data_type, const std::vector<Dim>& dims,
                              int opset = 21) {
  const std::string type = TensorType(data_type, dims);
  return Model({{Node(op, {"x"}, {"y"})}, {NamedValue("x", type)}, {NamedValue("y", type)}, {}},
               opset);
}

/// y = a + b
inline std::string AddModel(const std::vector<Dim>& dims) {
  const std::string type = TensorType(kFloat, dims);
  return Model({{Node("Add", {"a", "b"}, {"y"})},
                {NamedValue("a", type), NamedValue("b", type)},
                {NamedValue("y", type)},
                {}});
}

}  // namespace onlite::onnx_builder
