#include "runtimes/tflite/model/probe_model.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

/// Writes FlatBuffers from the root down: what a table or vector refers to is
/// appended later and linked. Every field gets a cell of four bytes.
class Writer {
 public:
  Writer() {
    Word(0);  // the root's offset
    for (const char letter : schema::kModelIdentifier) {
      bytes_.push_back(static_cast<uint8_t>(letter));
    }
  }

  using Field = std::pair<size_t, uint32_t>;  // slot and value, 0 if it will be linked

  struct Table {
    std::vector<std::pair<size_t, size_t>> cells;  // slot and where
    size_t position = 0;

    size_t operator[](size_t slot) const {
      for (const auto& [known, at] : cells) {
        if (known == slot) return at;
      }
      return 0;
    }
  };

  Table AddTable(const std::vector<Field>& fields) {
    size_t slots = 0;
    for (const Field& field : fields) slots = std::max(slots, field.first + 1);
    Align();
    const size_t vtable = bytes_.size();
    const size_t vtable_size = 4 + 2 * slots;
    bytes_.resize(vtable + vtable_size);
    Align();
    Table table;
    table.position = bytes_.size();
    Word(static_cast<uint32_t>(table.position - vtable));
    for (const auto& [slot, value] : fields) {
      Half(vtable + 4 + 2 * slot, bytes_.size() - table.position);
      table.cells.emplace_back(slot, bytes_.size());
      Word(value);
    }
    Half(vtable, vtable_size);
    Half(vtable + 2, bytes_.size() - table.position);
    return table;
  }

  /// Position of the vector; its elements follow four bytes later.
  size_t AddWords(const std::vector<uint32_t>& words) {
    Align();
    const size_t position = bytes_.size();
    Word(static_cast<uint32_t>(words.size()));
    for (const uint32_t word : words) Word(word);
    return position;
  }

  size_t AddBytes(std::span<const uint8_t> data) {
    Align();
    const size_t position = bytes_.size();
    Word(static_cast<uint32_t>(data.size()));
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    bytes_.push_back(0);  // ends a string
    return position;
  }

  /// Makes the cell refer to what lies behind it.
  void Link(size_t cell, size_t target) {
    const auto offset = static_cast<uint32_t>(target - cell);
    std::memcpy(bytes_.data() + cell, &offset, sizeof(offset));
  }

  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  void Align() { bytes_.resize((bytes_.size() + 3) / 4 * 4); }

  void Word(uint32_t value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(value));
    std::memcpy(bytes_.data() + at, &value, sizeof(value));
  }

  void Half(size_t at, size_t value) {
    const auto half = static_cast<uint16_t>(value);
    std::memcpy(bytes_.data() + at, &half, sizeof(half));
  }

  std::vector<uint8_t> bytes_;
};

void AddOperatorCode(Writer* writer, size_t cell, const DeclaredOperator& declared) {
  using Fields = schema::OperatorCode;
  constexpr int32_t kMostInOldField = 127;
  const auto code = static_cast<uint32_t>(declared.builtin_code);
  const bool custom = declared.builtin_code == schema::kCustom;
  std::vector<Writer::Field> fields = {
      {Fields::kDeprecatedBuiltinCode,
       static_cast<uint32_t>(std::min(declared.builtin_code, kMostInOldField))},
      {Fields::kVersion, static_cast<uint32_t>(declared.version)},
      {Fields::kBuiltinCode, code}};
  if (custom) fields.emplace_back(Fields::kCustomCode, 0);
  const size_t codes = writer->AddWords({0});
  writer->Link(cell, codes);
  const Writer::Table table = writer->AddTable(fields);
  writer->Link(codes + 4, table.position);
  if (!custom) return;
  const std::string_view name = declared.custom_name;
  writer->Link(table[Fields::kCustomCode],
               writer->AddBytes({reinterpret_cast<const uint8_t*>(name.data()), name.size()}));
}

/// The operator's tensors, by their number in the probe.
class Tensors {
 public:
  explicit Tensors(const DeclaredSubgraph& subgraph) : subgraph_(subgraph) {}

  std::vector<uint32_t> Number(const std::vector<int32_t>& indices) {
    std::vector<uint32_t> numbers;
    for (const int32_t index : indices) {
      if (index < 0) {
        numbers.push_back(UINT32_MAX);  // left out
        continue;
      }
      const auto known = std::find(indices_.begin(), indices_.end(), index);
      numbers.push_back(static_cast<uint32_t>(known - indices_.begin()));
      if (known == indices_.end()) indices_.push_back(index);
    }
    return numbers;
  }

  size_t Write(Writer* writer) const {
    using Fields = schema::Tensor;
    const size_t vector = writer->AddWords(std::vector<uint32_t>(indices_.size()));
    for (size_t number = 0; number < indices_.size(); ++number) {
      const DeclaredTensor& declared = subgraph_.tensors[static_cast<size_t>(indices_[number])];
      const Writer::Table table = writer->AddTable(
          {{Fields::kShape, 0}, {Fields::kType, static_cast<uint8_t>(declared.type)}});
      writer->Link(vector + 4 * (number + 1), table.position);
      std::vector<uint32_t> dims;
      for (const int64_t dim : declared.dims) dims.push_back(static_cast<uint32_t>(dim));
      writer->Link(table[Fields::kShape], writer->AddWords(dims));
    }
    return vector;
  }

 private:
  const DeclaredSubgraph& subgraph_;
  std::vector<int32_t> indices_;
};

std::vector<uint8_t> Build(const DeclaredSubgraph& subgraph, const DeclaredOperator& declared) {
  const bool custom = declared.builtin_code == schema::kCustom;
  Writer writer;
  const Writer::Table model = writer.AddTable({{schema::Model::kVersion, schema::kVersion},
                                               {schema::Model::kOperatorCodes, 0},
                                               {schema::Model::kSubgraphs, 0},
                                               {schema::Model::kBuffers, 0}});
  writer.Link(0, model.position);
  AddOperatorCode(&writer, model[schema::Model::kOperatorCodes], declared);
  const size_t buffers = writer.AddWords({0});
  writer.Link(model[schema::Model::kBuffers], buffers);
  writer.Link(buffers + 4, writer.AddTable({}).position);
  const size_t subgraphs = writer.AddWords({0});
  writer.Link(model[schema::Model::kSubgraphs], subgraphs);
  using Fields = schema::SubGraph;
  const Writer::Table graph = writer.AddTable({{Fields::kTensors, 0},
                                               {Fields::kInputs, 0},
                                               {Fields::kOutputs, 0},
                                               {Fields::kOperators, 0}});
  writer.Link(subgraphs + 4, graph.position);
  Tensors tensors(subgraph);
  std::vector<uint32_t> inputs;
  std::vector<uint32_t> outputs;
  if (custom) {
    inputs = tensors.Number(declared.inputs);
    outputs = tensors.Number(declared.outputs);
  }
  std::vector<uint32_t> fed = inputs;
  fed.erase(std::remove(fed.begin(), fed.end(), UINT32_MAX), fed.end());
  std::vector<uint32_t> made = outputs;
  made.erase(std::remove(made.begin(), made.end(), UINT32_MAX), made.end());
  writer.Link(graph[Fields::kTensors], tensors.Write(&writer));
  writer.Link(graph[Fields::kInputs], writer.AddWords(fed));
  writer.Link(graph[Fields::kOutputs], writer.AddWords(made));
  const size_t operators = writer.AddWords(std::vector<uint32_t>(custom ? 1 : 0));
  writer.Link(graph[Fields::kOperators], operators);
  if (!custom) return writer.Take();
  const Writer::Table table = writer.AddTable({{schema::Operator::kOpcodeIndex, 0},
                                               {schema::Operator::kInputs, 0},
                                               {schema::Operator::kOutputs, 0},
                                               {schema::Operator::kCustomOptions, 0}});
  writer.Link(operators + 4, table.position);
  writer.Link(table[schema::Operator::kInputs], writer.AddWords(inputs));
  writer.Link(table[schema::Operator::kOutputs], writer.AddWords(outputs));
  writer.Link(table[schema::Operator::kCustomOptions], writer.AddBytes(declared.custom_options));
  return writer.Take();
}

}  // namespace

std::vector<uint8_t> ListingModel(const DeclaredOperator& builtin) { return Build({}, builtin); }

std::vector<uint8_t> CustomModel(const DeclaredSubgraph& subgraph, const DeclaredOperator& custom) {
  return Build(subgraph, custom);
}

}  // namespace onlite::tflite
