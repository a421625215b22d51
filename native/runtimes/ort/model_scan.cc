#include "runtimes/ort/model_scan.h"

#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "runtimes/ort/empty_tensors.h"

// Field numbers are those of onnx.proto3, named at each use.

namespace onlite::ort {
namespace {

/// Deeper nesting of subgraphs than any exporter makes; protobuf itself stops at 100 messages.
constexpr int kMaxDepth = 32;

Status Invalid(const std::string& what) { return {ErrorCode::kModelInvalid, "model: " + what}; }

Status Damaged() { return Invalid("not an ONNX model, damaged or cut short"); }

/// Bits of an element by TensorProto.DataType; 0 for strings and what is unknown.
constexpr std::array<uint8_t, 27> kBits = {
    0,                    // undefined
    32, 8,  8,  16, 16,   // float, uint8, int8, uint16, int16
    32, 64, 0,  8,  16,   // int32, int64, string, bool, float16
    64, 32, 64, 64, 128,  // double, uint32, uint64, complex64, complex128
    16, 8,  8,  8,  8,    // bfloat16, four kinds of float8
    4,  4,  4,  8,        // uint4, int4, float4e2m1, float8e8m0
    2,  2,                // uint2, int2
};

uint64_t BitsOf(int32_t data_type) {
  const auto index = static_cast<uint32_t>(data_type);
  return index < kBits.size() ? kBits[index] : 0;
}

bool ParseUnsigned(const std::string& text, uint64_t* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  // ONNX Runtime computes in signed 64-bit integers.
  return error == std::errc() && stop == end &&
         *value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

/// TensorProto.dims (1) and data_type (2) to bytes; false on overflow.
class TensorSize {
 public:
  void set_data_type(uint64_t value) {
    data_type_ = static_cast<int32_t>(value);
    bits_ = BitsOf(data_type_);
  }
  int32_t data_type() const { return data_type_; }
  const std::vector<int64_t>& dims() const { return dims_; }

  void AddDim(uint64_t dim) {
    dims_.push_back(static_cast<int64_t>(dim));
    if (dim == 0) {
      empty_ = true;
    } else if (dim > kMost / count_) {  // negative dims are larger still
      valid_ = false;
    } else {
      count_ *= dim;
    }
  }

  void AddPackedDims(Bytes packed) {
    // Packed varints have no tags: each is read as the value of a field number 1.
    uint64_t value = 0;
    unsigned shift = 0;
    for (const uint8_t byte : packed) {
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7fU) << shift;
      shift += 7;
      if ((byte & 0x80U) != 0) continue;
      AddDim(value);
      value = 0;
      shift = 0;
    }
    if (shift != 0) valid_ = false;
  }

  std::optional<uint64_t> Bytes() const {
    if (!valid_ || bits_ == 0) return std::nullopt;
    return empty_ ? 0 : (count_ * bits_ + 7) / 8;
  }

 private:
  /// So many elements that their bits still fit.
  static constexpr uint64_t kMost = std::numeric_limits<int64_t>::max() / 128;

  int32_t data_type_ = 0;
  std::vector<int64_t> dims_;
  uint64_t bits_ = 0;
  uint64_t count_ = 1;
  bool empty_ = false;
  bool valid_ = true;
};

class Scanner {
 public:
  explicit Scanner(ModelScan* scan) : scan_(scan) {}

  Status Model(Bytes model);

 private:
  Status Graph(Bytes graph, int depth);
  Status Function(Bytes function, int depth);
  Status Node(Bytes node, int depth);
  Status Attribute(Bytes attribute, int depth);
  Status SparseTensor(Bytes sparse, bool main_graph);
  Status Tensor(Bytes tensor, bool main_graph);
  static Status ExternalEntry(Bytes entry, ExternalTensor* tensor, bool* has_location);
  Status GraphValue(Bytes value_info, bool input);
  Status TensorShape(Bytes shape, bool input);

  ModelScan* scan_;
};

Status Scanner::Model(Bytes model) {
  bool has_graph = false;
  WireReader reader(model);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(7)) {  // graph
      has_graph = true;
      ONLITE_RETURN_IF_ERROR(Graph(field.bytes, 0));
    } else if (field.IsMessage(25)) {  // functions
      ONLITE_RETURN_IF_ERROR(Function(field.bytes, 1));
    }
  }
  return reader.ok() && has_graph ? Status::Ok() : Damaged();
}

Status Scanner::Graph(Bytes graph, int depth) {
  if (depth > kMaxDepth) return Invalid("subgraphs are nested too deeply");
  const bool main_graph = depth == 0;
  WireReader reader(graph);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(1)) {  // node
      ONLITE_RETURN_IF_ERROR(Node(field.bytes, depth));
    } else if (field.IsMessage(5)) {  // initializer
      ONLITE_RETURN_IF_ERROR(Tensor(field.bytes, main_graph));
    } else if (field.IsMessage(15)) {  // sparse_initializer
      ONLITE_RETURN_IF_ERROR(SparseTensor(field.bytes, false));
    } else if (main_graph && (field.IsMessage(11) || field.IsMessage(12))) {  // input, output
      ONLITE_RETURN_IF_ERROR(GraphValue(field.bytes, field.number == 11));
    }
  }
  return reader.ok() ? Status::Ok() : Damaged();
}

Status Scanner::Function(Bytes function, int depth) {
  WireReader reader(function);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(7)) {  // node
      ONLITE_RETURN_IF_ERROR(Node(field.bytes, depth));
    } else if (field.IsMessage(11)) {  // attribute_proto
      ONLITE_RETURN_IF_ERROR(Attribute(field.bytes, depth));
    }
  }
  return reader.ok() ? Status::Ok() : Damaged();
}

Status Scanner::Node(Bytes node, int depth) {
  WireReader reader(node);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(5)) {  // attribute
      ONLITE_RETURN_IF_ERROR(Attribute(field.bytes, depth));
    } else if (field.IsMessage(4)) {  // op_type
      const std::string_view type(reinterpret_cast<const char*>(field.bytes.data()),
                                  field.bytes.size());
      scan_->fatal_operators = scan_->fatal_operators || CannotBearEmptyTensors(type);
    }
  }
  return reader.ok() ? Status::Ok() : Damaged();
}

Status Scanner::Attribute(Bytes attribute, int depth) {
  int tensors = 0;
  int sparse_tensors = 0;
  WireReader reader(attribute);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(5) || field.IsMessage(10)) {  // t, tensors
      if (field.number == 5) ++tensors;
      ONLITE_RETURN_IF_ERROR(Tensor(field.bytes, false));
    } else if (field.IsMessage(6) || field.IsMessage(11)) {  // g, graphs
      ONLITE_RETURN_IF_ERROR(Graph(field.bytes, depth + 1));
    } else if (field.IsMessage(22) || field.IsMessage(23)) {  // sparse_tensor(s)
      if (field.number == 22) ++sparse_tensors;
      ONLITE_RETURN_IF_ERROR(SparseTensor(field.bytes, false));
    }
  }
  // Protobuf merges repeated occurrences of a single field, which would hide external data.
  if (tensors > 1 || sparse_tensors > 1) return Invalid("an attribute has two tensors");
  return reader.ok() ? Status::Ok() : Damaged();
}

Status Scanner::SparseTensor(Bytes sparse, bool main_graph) {
  int values = 0;
  int indices = 0;
  WireReader reader(sparse);
  for (WireField field; reader.Next(&field);) {
    if (!field.IsMessage(1) && !field.IsMessage(2)) continue;  // values, indices
    ++(field.number == 1 ? values : indices);
    ONLITE_RETURN_IF_ERROR(Tensor(field.bytes, main_graph));
  }
  if (values > 1 || indices > 1) return Invalid("a sparse tensor has its values twice");
  return reader.ok() ? Status::Ok() : Damaged();
}

Status Scanner::Tensor(Bytes bytes, bool main_graph) {
  ExternalTensor tensor;
  tensor.main_graph = main_graph;
  TensorSize size;
  bool external = false;
  bool has_location = false;
  WireReader reader(bytes);
  for (WireField field; reader.Next(&field);) {
    if (field.IsVarint(1)) {  // dims
      size.AddDim(field.varint);
    } else if (field.IsMessage(1)) {
      size.AddPackedDims(field.bytes);
    } else if (field.IsVarint(2)) {  // data_type
      size.set_data_type(field.varint);
    } else if (field.IsMessage(8)) {  // name
      tensor.name = field.Text();
    } else if (field.IsMessage(13)) {  // external_data
      ONLITE_RETURN_IF_ERROR(ExternalEntry(field.bytes, &tensor, &has_location));
    } else if (field.IsVarint(14)) {  // data_location
      external = external || static_cast<int32_t>(field.varint) == 1;
    }
  }
  if (!reader.ok()) return Damaged();
  if (!external) return Status::Ok();

  if (!has_location)
    return Invalid("tensor '" + tensor.name + "' has external data without a location");
  const std::optional<uint64_t> needed = size.Bytes();
  if (!needed) {
    return Invalid("tensor '" + tensor.name + "' has external data of an impossible type or shape");
  }
  tensor.data_type = size.data_type();
  tensor.dims = size.dims();
  tensor.needed = *needed;
  if (tensor.length && *tensor.length != 0 && *tensor.length != tensor.needed) {
    return Invalid("tensor '" + tensor.name + "' has " + std::to_string(*tensor.length) +
                   " bytes of external data, but its type and dims need " +
                   std::to_string(tensor.needed));
  }
  scan_->external.push_back(std::move(tensor));
  return Status::Ok();
}

Status Scanner::ExternalEntry(Bytes entry, ExternalTensor* tensor, bool* has_location) {
  std::string key;
  std::string value;
  WireReader reader(entry);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(1)) key = field.Text();
    if (field.IsMessage(2)) value = field.Text();
  }
  if (!reader.ok()) return Damaged();
  if (key == "location") {
    if (*has_location) return Invalid("a tensor has two external data locations");
    *has_location = true;
    tensor->location = value;
  } else if (key == "offset") {
    if (!ParseUnsigned(value, &tensor->offset)) {
      return Invalid("external data offset: '" + value + "' is not a number of bytes");
    }
  } else if (key == "length") {
    uint64_t length = 0;
    if (!ParseUnsigned(value, &length)) {
      return Invalid("external data length: '" + value + "' is not a number of bytes");
    }
    tensor->length = length;
  }
  return Status::Ok();
}

Status Scanner::GraphValue(Bytes value_info, bool input) {
  std::string name;
  bool tensor = false;
  bool has_shape = false;
  WireReader reader(value_info);
  for (WireField field; reader.Next(&field);) {
    if (field.IsMessage(1)) name = field.Text();
    if (!field.IsMessage(2)) continue;  // type
    WireReader type(field.bytes);
    for (WireField kind; type.Next(&kind);) {
      if (!kind.IsMessage(1)) continue;  // tensor_type
      tensor = true;
      WireReader tensor_type(kind.bytes);
      for (WireField part; tensor_type.Next(&part);) {
        if (!part.IsMessage(2)) continue;  // shape
        has_shape = true;
        ONLITE_RETURN_IF_ERROR(TensorShape(part.bytes, input));
      }
    }
  }
  if (tensor && !has_shape) scan_->unknown_rank.insert(name);
  return reader.ok() ? Status::Ok() : Damaged();
}

Status Scanner::TensorShape(Bytes shape, bool input) {
  WireReader reader(shape);
  for (WireField dim; reader.Next(&dim);) {
    if (!dim.IsMessage(1)) continue;  // dim
    WireReader dimension(dim.bytes);
    for (WireField part; dimension.Next(&part);) {
      if (input && part.IsMessage(2) && !part.bytes.empty()) {  // dim_param
        scan_->free_dimensions.insert(part.Text());
      }
    }
  }
  return reader.ok() ? Status::Ok() : Damaged();
}

}  // namespace

bool IsOrtFormat(Bytes model) {
  constexpr std::string_view kIdentifier = "ORTM";
  return model.size() >= 8 &&
         std::string_view(reinterpret_cast<const char*>(model.data()) + 4, 4) == kIdentifier;
}

Status ScanModel(Bytes model, ModelScan* scan) { return Scanner(scan).Model(model); }

}  // namespace onlite::ort
