#include "runtimes/ort/empty_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>

// Field numbers are those of onnx.proto3, named at each use.

namespace onlite::ort {

/// Found by running every operator that the ONNX
/// standard's tests cover, and many of ONNX Runtime's own, with each dim at 0, in
/// ONNX Runtime 1.30; RNN, Conv's data and all others bore it or gave an error.
struct FatalOperator {
  std::string_view type;
  /// The inputs that must not be empty, as bits.
  unsigned slots;
  /// A dim of 0 at this axis is fatal in a feed.
  bool (*at)(size_t axis, size_t rank);
  /// Also on a tensor that became empty on its way, of which the axis is not known.
  bool derived;
};

namespace {

bool Anywhere(size_t /*axis*/, size_t /*rank*/) { return true; }
bool Second(size_t axis, size_t /*rank*/) { return axis == 1; }
bool AfterFirst(size_t axis, size_t /*rank*/) { return axis >= 1; }
bool Spatial(size_t axis, size_t rank) { return axis >= 2 && rank != 4; }
bool Last(size_t axis, size_t rank) { return axis + 1 == rank; }
bool HeadsOf4d(size_t axis, size_t rank) { return axis == 1 && rank == 4; }

constexpr unsigned kFirstInput = 1U << 0U;
constexpr unsigned kSecondInput = 1U << 1U;
constexpr unsigned kThirdInput = 1U << 2U;

constexpr std::array<FatalOperator, 18> kFatalOperators = {{
    {"LSTM", kFirstInput, Second, true},  // the batch
    {"DynamicQuantizeLSTM", kFirstInput, Second, true},
    {"AttnLSTM", kFirstInput, Second, true},
    {"GRU", kFirstInput, Anywhere, true},
    {"DFT", kFirstInput, AfterFirst, true},
    {"STFT", kThirdInput, Anywhere, true},          // the window
    {"ConvTranspose", kFirstInput, Spatial, true},  // but in two dimensions
    {"TopK", kFirstInput, Anywhere, true},          // but at its own axis
    {"Conv", kSecondInput, AfterFirst, true},       // does not end
    {"FusedConv", kSecondInput, AfterFirst, true},  // does not end
    {"Attention", kFirstInput | kSecondInput | kThirdInput, HeadsOf4d, false},
    {"MultiHeadAttention", kFirstInput | kThirdInput, Last, false},
    {"SkipLayerNormalization", kSecondInput, Anywhere, false},
    {"SkipSimplifiedLayerNormalization", kSecondInput, Anywhere, false},
    {"RotaryEmbedding", kFirstInput, AfterFirst, false},
    {"MoE", kFirstInput, Last, false},
    {"QMoE", kFirstInput, Last, false},
    {"Inverse", kFirstInput, AfterFirst, false},
}};

const FatalOperator* FindFatal(std::string_view type) {
  const auto* found =
      std::find_if(kFatalOperators.begin(), kFatalOperators.end(),
                   [&](const FatalOperator& candidate) { return candidate.type == type; });
  return found != kFatalOperators.end() ? found : nullptr;
}

std::string_view TextOf(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

/// Values have numbers, each in its scope: names of subgraphs and functions are apart.
struct EmptyTensorGuard::Graph {
  enum class Kind : uint8_t { kPlain, kConcat, kConcatOfSequence, kShape };
  struct Node {
    Kind kind = Kind::kPlain;
    const FatalOperator* fatal = nullptr;
    /// TopK's own axis; from the end if negative.
    int64_t axis = -1;
    std::vector<uint32_t> inputs;  // 0: left out
    std::vector<uint32_t> outputs;
  };

  std::vector<Node> nodes;
  /// The nodes that a value goes into.
  std::vector<std::vector<uint32_t>> consumers;
  std::map<std::string, uint32_t> inputs;
};

namespace {

using Graph = EmptyTensorGuard::Graph;

/// Makes the graph of a model, the nodes of subgraphs and functions among the
/// others. The views refer to the model's bytes.
class GraphBuilder {
 public:
  std::shared_ptr<const Graph> Build(Bytes model) {
    WireReader reader(model);
    for (WireField field; reader.Next(&field);) {
      if (field.IsMessage(25)) functions_.push_back(field.bytes);  // functions
    }
    for (const Bytes function : functions_) DeclareFunction(function);
    for (size_t index = 0; index < functions_.size(); ++index) FunctionBody(index);
    Scope scope;
    WireReader graphs(model);
    for (WireField field; graphs.Next(&field);) {
      if (field.IsMessage(7)) GraphBody(field.bytes, &scope);  // graph
    }
    for (const auto& [name, value] : scope.inputs) graph_->inputs.emplace(name, value);
    graph_->consumers.resize(next_);
    for (uint32_t node = 0; node < graph_->nodes.size(); ++node) {
      for (const uint32_t value : graph_->nodes[node].inputs) {
        if (value != 0) graph_->consumers[value].push_back(node);
      }
    }
    return graph_;
  }

 private:
  struct Scope {
    const Scope* parent = nullptr;
    std::unordered_map<std::string_view, uint32_t> values;
    std::vector<std::pair<std::string_view, uint32_t>> inputs;
    std::vector<uint32_t> outputs;
  };
  struct Function {
    Scope scope;
    std::vector<uint32_t> inputs;
  };

  uint32_t Define(std::string_view name, Scope* scope) {
    if (name.empty()) return 0;
    const auto [entry, added] = scope->values.try_emplace(name, next_);
    if (added) ++next_;
    return entry->second;
  }

  /// A name that no scope has is one that is defined further down.
  uint32_t Use(std::string_view name, Scope* scope) {
    if (name.empty()) return 0;
    for (const Scope* at = scope; at != nullptr; at = at->parent) {
      if (const auto entry = at->values.find(name); entry != at->values.end()) {
        return entry->second;
      }
    }
    return Define(name, scope);
  }

  void Link(std::vector<uint32_t> from, std::vector<uint32_t> to) {
    Graph::Node node;
    node.inputs = std::move(from);
    node.outputs = std::move(to);
    graph_->nodes.push_back(std::move(node));
  }

  static std::string_view ValueName(Bytes value_info) {
    std::string_view name;
    WireReader reader(value_info);
    for (WireField field; reader.Next(&field);) {
      if (field.IsMessage(1)) name = TextOf(field.bytes);
    }
    return name;
  }

  void GraphBody(Bytes graph, Scope* scope) {
    WireReader values(graph);
    for (WireField field; values.Next(&field);) {
      if (field.IsMessage(11)) {  // input
        const std::string_view name = ValueName(field.bytes);
        scope->inputs.emplace_back(name, Define(name, scope));
      } else if (field.IsMessage(5)) {  // initializer: a feed may replace it
        WireReader tensor(field.bytes);
        for (WireField part; tensor.Next(&part);) {
          if (!part.IsMessage(8)) continue;  // name
          const std::string_view name = TextOf(part.bytes);
          scope->inputs.emplace_back(name, Define(name, scope));
        }
      }
    }
    Nodes(graph, 1, scope);
    WireReader outputs(graph);
    for (WireField field; outputs.Next(&field);) {
      if (field.IsMessage(12)) scope->outputs.push_back(Use(ValueName(field.bytes), scope));
    }
  }

  void Nodes(Bytes message, uint32_t number, Scope* scope) {
    // First what they define, so that a subgraph finds it in whatever order they are.
    for (int pass = 0; pass < 2; ++pass) {
      WireReader reader(message);
      for (WireField field; reader.Next(&field);) {
        if (!field.IsMessage(number)) continue;
        if (pass == 0) {
          WireReader node(field.bytes);
          for (WireField part; node.Next(&part);) {
            if (part.IsMessage(2)) Define(TextOf(part.bytes), scope);  // output
          }
        } else {
          OneNode(field.bytes, scope);
        }
      }
    }
  }

  void OneNode(Bytes bytes, Scope* scope) {
    Graph::Node node;
    std::string_view type;
    std::string_view domain;
    std::vector<Bytes> attributes;
    WireReader reader(bytes);
    for (WireField field; reader.Next(&field);) {
      if (field.IsMessage(1)) node.inputs.push_back(Use(TextOf(field.bytes), scope));
      if (field.IsMessage(2)) node.outputs.push_back(Define(TextOf(field.bytes), scope));
      if (field.IsMessage(4)) type = TextOf(field.bytes);    // op_type
      if (field.IsMessage(7)) domain = TextOf(field.bytes);  // domain
      if (field.IsMessage(5)) attributes.push_back(field.bytes);
    }
    for (const Bytes attribute : attributes) Attribute(attribute, &node, scope);
    if (const auto called = called_.find(FunctionKey(domain, type)); called != called_.end()) {
      Function& function = bodies_[called->second];
      Link(node.inputs, function.inputs);
      Link(function.scope.outputs, node.outputs);
    } else if (domain.empty() || domain == "ai.onnx") {
      if (type == "Concat") node.kind = Graph::Kind::kConcat;
      if (type == "ConcatFromSequence") node.kind = Graph::Kind::kConcatOfSequence;
      if (type == "Shape" || type == "Size") node.kind = Graph::Kind::kShape;
      if (type == "SequenceLength") node.kind = Graph::Kind::kShape;
    }
    node.fatal = FindFatal(type);
    // Two dimensions are safe; exporters say that there are two.
    if (kernel_rank_ == 2 && type == "ConvTranspose") node.fatal = nullptr;
    kernel_rank_ = 0;
    graph_->nodes.push_back(std::move(node));
  }

  void Attribute(Bytes attribute, Graph::Node* node, Scope* scope) {
    std::string_view name;
    int64_t number = 0;
    std::vector<Bytes> graphs;
    size_t count = 0;
    WireReader reader(attribute);
    for (WireField field; reader.Next(&field);) {
      if (field.IsMessage(1)) name = TextOf(field.bytes);
      if (field.IsVarint(3)) number = static_cast<int64_t>(field.varint);            // i
      if (field.IsMessage(6) || field.IsMessage(11)) graphs.push_back(field.bytes);  // g, graphs
      if (field.IsVarint(8)) ++count;                                                // ints
      if (field.IsMessage(8)) {                                                      // ints, packed
        count += static_cast<size_t>(std::count_if(field.bytes.begin(), field.bytes.end(),
                                                   [](uint8_t byte) { return byte < 0x80; }));
      }
    }
    if (name == "axis") node->axis = number;
    if (name == "kernel_shape") kernel_rank_ = count;
    for (const Bytes graph : graphs) {
      Scope inner;
      inner.parent = scope;
      const size_t kept_rank = kernel_rank_;
      GraphBody(graph, &inner);
      kernel_rank_ = kept_rank;
      // The inputs of a body come from the node's or from the last round's outputs.
      std::vector<uint32_t> given = node->inputs;
      given.insert(given.end(), inner.outputs.begin(), inner.outputs.end());
      std::vector<uint32_t> taken;
      taken.reserve(inner.inputs.size());
      for (const auto& [input, value] : inner.inputs) taken.push_back(value);
      Link(std::move(given), std::move(taken));
      Link(inner.outputs, node->outputs);
    }
  }

  static std::string FunctionKey(std::string_view domain, std::string_view name) {
    return std::string(domain == "ai.onnx" ? "" : domain) + '\0' + std::string(name);
  }

  void DeclareFunction(Bytes bytes) {
    Function& function = bodies_.emplace_back();
    std::string_view name;
    std::string_view domain;
    WireReader reader(bytes);
    for (WireField field; reader.Next(&field);) {
      if (field.IsMessage(1)) name = TextOf(field.bytes);
      if (field.IsMessage(10)) domain = TextOf(field.bytes);
      if (field.IsMessage(4)) {  // input
        function.inputs.push_back(Define(TextOf(field.bytes), &function.scope));
      } else if (field.IsMessage(5)) {  // output
        function.scope.outputs.push_back(Define(TextOf(field.bytes), &function.scope));
      }
    }
    called_.emplace(FunctionKey(domain, name), bodies_.size() - 1);
  }

  void FunctionBody(size_t index) { Nodes(functions_[index], 7, &bodies_[index].scope); }

  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  uint32_t next_ = 1;
  size_t kernel_rank_ = 0;
  std::vector<Bytes> functions_;
  std::vector<Function> bodies_;
  std::map<std::string, size_t> called_;
};

/// Follows empty feeds through a graph.
class Search {
 public:
  Search(const Graph& graph, bool empty_batch)
      : graph_(graph), empty_batch_(empty_batch), empty_(graph.consumers.size(), false) {}

  /// `feed` is what the value was fed; null for one that became empty on its way.
  void Add(uint32_t value, const EmptyFeed* feed) {
    if (value == 0 || empty_[value]) return;
    empty_[value] = true;
    found_.emplace_back(value, feed);
  }

  /// The type of a fatal operator that is reached; empty if there is none.
  std::string_view Run() {
    while (!found_.empty()) {
      const auto [value, feed] = found_.back();
      found_.pop_back();
      for (const uint32_t index : graph_.consumers[value]) {
        const Graph::Node& node = graph_.nodes[index];
        if (IsFatal(node, value, feed)) return node.fatal->type;
        if (!Passes(node, feed)) continue;
        for (const uint32_t output : node.outputs) Add(output, nullptr);
      }
    }
    return {};
  }

 private:
  bool Passes(const Graph::Node& node, const EmptyFeed* feed) const {
    if (node.kind == Graph::Kind::kConcatOfSequence) return feed == nullptr || !feed->partly;
    if (empty_batch_ || node.kind == Graph::Kind::kPlain) return true;
    return node.kind == Graph::Kind::kConcat &&
           std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](uint32_t input) { return empty_[input]; });
  }

  static bool IsFatal(const Graph::Node& node, uint32_t value, const EmptyFeed* feed) {
    if (node.fatal == nullptr) return false;
    for (size_t slot = 0; slot < node.inputs.size() && slot < 8; ++slot) {
      if (node.inputs[slot] != value || (node.fatal->slots & (1U << slot)) == 0) continue;
      if (feed == nullptr ? node.fatal->derived : HasFatalDim(node, feed->dims)) return true;
    }
    return false;
  }

  static bool HasFatalDim(const Graph::Node& node, const Dims& dims) {
    const size_t rank = dims.size();
    for (size_t axis = 0; axis < rank; ++axis) {
      if (dims[axis] != 0 || !node.fatal->at(axis, rank)) continue;
      const bool own = node.fatal->type == "TopK" &&
                       (node.axis < 0 ? node.axis + static_cast<int64_t>(rank) : node.axis) ==
                           static_cast<int64_t>(axis);
      if (!own) return true;
    }
    return false;
  }

  const Graph& graph_;
  const bool empty_batch_;
  std::vector<bool> empty_;
  std::vector<std::pair<uint32_t, const EmptyFeed*>> found_;
};

}  // namespace

bool CannotBearEmptyTensors(std::string_view op_type) { return FindFatal(op_type) != nullptr; }

EmptyTensorGuard EmptyTensorGuard::OfOnnx(Bytes model) {
  EmptyTensorGuard guard;
  guard.graph_ = GraphBuilder().Build(model);
  return guard;
}

EmptyTensorGuard EmptyTensorGuard::OfOrtFormat(Bytes model) {
  // A string of a flatbuffer is its length at a multiple of 4, its bytes and a 0.
  EmptyTensorGuard guard;
  for (size_t at = 0; at + 8 <= model.size(); at += 4) {
    uint32_t length = 0;
    std::memcpy(&length, model.data() + at, sizeof(length));
    if (length < 3 || length > 24 || length >= model.size() - at - 4) continue;
    const std::string_view text = TextOf(model.subspan(at + 4, length));
    if (const FatalOperator* fatal = FindFatal(text);
        fatal != nullptr && fatal->derived && fatal->slots == kFirstInput) {
      guard.anywhere_ = text;
      break;
    }
  }
  return guard;
}

std::string EmptyTensorGuard::Reached(const SignatureInfo& signature,
                                      const std::vector<EmptyFeed>& feeds) const {
  if (graph_ == nullptr) return anywhere_;
  const bool empty_batch = std::any_of(feeds.begin(), feeds.end(), [](const EmptyFeed& feed) {
    return !feed.dims.empty() && feed.dims.front() == 0;
  });
  Search search(*graph_, empty_batch);
  for (const EmptyFeed& feed : feeds) {
    const auto input = graph_->inputs.find(signature.inputs[feed.index].name);
    if (input != graph_->inputs.end()) search.Add(input->second, &feed);
  }
  return std::string(search.Run());
}

Status EmptyTensorGuard::Check(const SignatureInfo& signature,
                               const std::vector<EmptyFeed>& feeds) const {
  if (feeds.empty()) return Status::Ok();
  const std::string reached = Reached(signature, feeds);
  if (reached.empty()) return Status::Ok();
  const EmptyFeed& feed = feeds.back();
  const std::string item = feed.item ? "[" + std::to_string(*feed.item) + "]" : "";
  return {ErrorCode::kUnsupported,
          "inputs." + signature.inputs[feed.index].name + item + ".dims: expected no 0, got " +
              DimsToString(feed.dims) + ": the model's operator " + reached +
              " cannot take an empty tensor, ONNX Runtime would end the process"};
}

Status EmptyTensorGuard::CheckRequest(const SignatureInfo& signature,
                                      const RunRequest& request) const {
  std::vector<EmptyFeed> feeds;
  for (const RunInput& input : request.inputs) {
    if (!input.is_sequence) {
      if (IsEmpty(input.tensor.dims)) feeds.push_back({input.index, input.tensor.dims});
      continue;
    }
    const bool partly = std::any_of(input.items.begin(), input.items.end(),
                                    [](const TensorView& item) { return !IsEmpty(item.dims); });
    for (size_t item = 0; item < input.items.size(); ++item) {
      const Dims& dims = input.items[item].dims;
      if (IsEmpty(dims)) feeds.push_back({input.index, dims, item, partly});
    }
  }
  return Check(signature, feeds);
}

}  // namespace onlite::ort
