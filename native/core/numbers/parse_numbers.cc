#include "core/numbers/parse_numbers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/numbers/element_readers.h"

namespace onlite::numbers {
namespace {

/// One call of ParseNumbers.
class Parser {
 public:
  Parser(std::string_view text, size_t begin, const NumberRules& rules, ByteBuffer* memory)
      : text_(text.data()),
        begin_(text.data() + begin),
        end_(begin_ + std::min(text.size() - begin, rules.max_bytes)),
        is_cut_(rules.max_bytes < text.size() - begin),
        at_(begin_),
        rules_(rules),
        memory_(memory) {}

  /// @param read_elements ReadElements of a type
  Status Parse(bool (Parser::*read_elements)(), ParsedNumbers* parsed) {
    read_elements_ = read_elements;
    const bool ok = ParseValue() && Finish();
    parsed->dims = std::move(dims_);
    parsed->count = written_;
    parsed->end = static_cast<size_t>(at_ - text_);
    return ok ? Status::Ok() : std::move(status_);
  }

  /// The elements up to a ']', or one that is no array's.
  template <typename Reader>
  bool ReadElements();

 private:
  bool ParseValue() {
    for (;;) {
      at_ = SkipSpace(at_, end_);
      if (at_ < end_ && *at_ == '[') {
        if (!Open()) return false;
        if (at_ == end_ || *at_ != ']') continue;
      } else {
        if (!AtLeaves() || !(this->*read_elements_)()) return false;
        if (counts_.empty()) return true;
      }
      // At a ']' of a whole array, and perhaps of those around it.
      bool goes_on = false;
      while (!goes_on) {
        if (!Close()) return false;
        if (counts_.empty()) return true;
        at_ = SkipSpace(at_, end_);
        goes_on = at_ < end_ && *at_ == ',';
        if (!goes_on && (at_ == end_ || *at_ != ']')) return Malformed("',' or ']'", at_);
      }
      ++at_;
    }
  }

  /// What is behind the value, or is not there.
  bool Finish() {
    // A number could go on.
    if (at_ == end_ && is_cut_) return Malformed("the end", at_);
    if (rules_.partial) return true;
    const char* const after = SkipSpace(at_, end_);
    return after == end_ && !is_cut_ ? true : Malformed("the end of the text", after);
  }

  /// At '['.
  bool Open() {
    const size_t depth = counts_.size();
    if (rank_ && depth == *rank_) return Unexpected("a number");
    if (depth == rules_.max_depth) {
      return Fail(ErrorCode::kInvalidArgument,
                  "expected at most " + std::to_string(rules_.max_depth) + " levels of arrays");
    }
    counts_.push_back(0);
    if (dims_.size() < counts_.size()) dims_.push_back(-1);
    at_ = SkipSpace(at_ + 1, end_);
    return true;
  }

  /// At what should be an element.
  bool AtLeaves() {
    if (at_ == end_) return Malformed(counts_.empty() ? "a value" : "an element", at_);
    if (!rank_) rank_ = counts_.size();
    if (rank_ == counts_.size()) return true;
    if (KindOf(at_, end_) != TextKind::kValue) return Unexpected("an array");
    return Fail(ErrorCode::kShapeMismatch, "expected an array, got " + Describe(at_, end_));
  }

  /// At ']': the array has the length of the first one of its level.
  bool Close() {
    if (!rank_) rank_ = counts_.size();
    const size_t level = counts_.size() - 1;
    const auto count = static_cast<int64_t>(counts_[level]);
    counts_.pop_back();
    int64_t& dim = dims_[level];
    if (dim < 0) dim = count;
    if (dim != count) {
      const char* const plural = dim == 1 ? " element" : " elements";
      return Fail(ErrorCode::kShapeMismatch,
                  "expected " + std::to_string(dim) + plural + ", got " + std::to_string(count));
    }
    if (level > 0) ++counts_[level - 1];
    ++at_;
    return true;
  }

  /// For one element more, at least.
  bool MakeRoom(size_t element_bytes) {
    if (written_ == rules_.max_elements) {
      return Fail(ErrorCode::kInvalidArgument,
                  "expected at most " + std::to_string(written_) + " elements in all");
    }
    if (memory_->is_fixed() && memory_->capacity() / element_bytes == written_) {
      return Fail(ErrorCode::kShapeMismatch,
                  "there is room for " + std::to_string(written_) + " elements, got more");
    }
    if (!memory_->is_fixed()) {
      // Each takes two bytes of the text, but the last; most take more.
      const auto left = static_cast<size_t>(end_ - at_);
      const size_t most = std::min(rules_.max_elements, written_ + left / 2 + 1);
      const size_t wanted = written_ == 0 ? std::min(most, 64 + left / 16) : written_ + 1;
      if (most > SIZE_MAX / element_bytes ||
          !memory_->Reserve(wanted * element_bytes, most * element_bytes)) {
        return OutOfMemory();
      }
    }
    capacity_ = std::min(memory_->capacity() / element_bytes, rules_.max_elements);
    return true;
  }

  bool OutOfMemory() {
    return Fail(ErrorCode::kOutOfMemory,
                "out of memory for more than " + std::to_string(written_) + " elements");
  }

  bool Refuse(const Mistake& mistake) {
    if (mistake.number_end != nullptr) {
      return Fail(ErrorCode::kTypeMismatch, "expected " + mistake.expected + ", got " +
                                                Excerpt(mistake.at, mistake.number_end));
    }
    // A reader that fails says where, most often at the element's beginning.
    if (mistake.at == nullptr || mistake.at == at_) return Unexpected(mistake.expected);
    return Malformed(mistake.expected, mistake.at);
  }

  /// There is another value.
  bool Unexpected(const std::string& expected) {
    switch (KindOf(at_, end_)) {
      case TextKind::kArray: return Found(ErrorCode::kShapeMismatch, expected, at_);
      case TextKind::kValue: return Found(ErrorCode::kTypeMismatch, expected, at_);
      default: return Malformed(expected, at_);
    }
  }

  /// It is no JSON, or its end has been cut off.
  bool Malformed(const std::string& expected, const char* where) {
    if (where != end_ || !is_cut_) return Found(ErrorCode::kInvalidArgument, expected, where);
    return Fail(ErrorCode::kInvalidArgument,
                "expected at most " + std::to_string(rules_.max_bytes) + " bytes of text");
  }

  bool Found(ErrorCode code, const std::string& expected, const char* where) {
    const size_t place = rules_.origin + static_cast<size_t>(where - text_);
    return Fail(code, "expected " + expected + ", got " + Describe(where, end_) + " at byte " +
                          std::to_string(place));
  }

  bool Fail(ErrorCode code, const std::string& message) {
    std::string path;
    constexpr size_t kShown = 16;
    for (size_t level = 0; level < counts_.size() && level < kShown; ++level) {
      path += "[" + std::to_string(counts_[level]) + "]";
    }
    if (counts_.size() > kShown) path += "[…]";
    status_ = Status(code, path + ": " + message);
    return false;
  }

  const char* text_;
  const char* begin_;
  const char* end_;
  /// The text goes on behind `end_`.
  bool is_cut_;
  const char* at_;
  const NumberRules& rules_;
  ByteBuffer* memory_;
  size_t written_ = 0;
  size_t capacity_ = 0;
  /// Of each open array the elements or arrays before the one that is being read.
  std::vector<size_t> counts_;
  /// By level; -1 until the first array of it is closed.
  Dims dims_;
  std::optional<size_t> rank_;
  bool (Parser::*read_elements_)() = nullptr;
  Status status_;
};

template <typename Reader>
bool Parser::ReadElements() {
  using Stored = Reader::Stored;
  const bool is_scalar = counts_.empty();
  const char* at = at_;
  const char* const end = end_;
  size_t index = is_scalar ? 0 : counts_.back();
  const size_t first = written_ - index;
  Mistake mistake;
  // What the members say when it fails.
  const auto stop = [&](const char* where) {
    at_ = where;
    written_ = first + index;
    if (!is_scalar) counts_.back() = index;
  };
  for (;;) {
    if (at == end || first + index == capacity_) {
      stop(at);
      if (at == end) return Malformed("an element", at);
      if (!MakeRoom(sizeof(Stored))) return false;
    }
    Stored element;
    const char* const after = Reader::Read(at, end, rules_, &element, &mistake);
    if (after == nullptr) {
      stop(at);
      return Refuse(mistake);
    }
    std::memcpy(memory_->data() + (first + index) * sizeof(Stored), &element, sizeof(Stored));
    ++index;
    at = after;
    if (is_scalar) break;
    at = SkipSpace(at, end);
    if (at == end || *at != ',') break;
    at = SkipSpace(at + 1, end);
  }
  stop(at);
  return is_scalar || (at < end && *at == ']') || Malformed("',' or ']'", at);
}

}  // namespace

bool HasNumbers(ElementType type) {
  return type >= ElementType::kFloat32 && type <= ElementType::kBool;
}

Status ParseNumbers(std::string_view text, size_t begin, const NumberRules& rules,
                    ByteBuffer* memory, ParsedNumbers* parsed) {
  if (begin > text.size()) return {ErrorCode::kInvalidArgument, ": begins behind the end"};
  Parser parser(text, begin, rules, memory);
  const auto read = [&]<typename Reader> {
    return parser.Parse(&Parser::ReadElements<Reader>, parsed);
  };
  switch (rules.type) {
    case ElementType::kFloat32: return read.operator()<FloatReader<kFloat32Format, uint32_t>>();
    case ElementType::kFloat64: return read.operator()<FloatReader<kFloat64Format, uint64_t>>();
    case ElementType::kFloat16: return read.operator()<FloatReader<kFloat16Format, uint16_t>>();
    case ElementType::kBFloat16: return read.operator()<FloatReader<kBFloat16Format, uint16_t>>();
    case ElementType::kInt8: return read.operator()<IntegerReader<int8_t>>();
    case ElementType::kUInt8: return read.operator()<IntegerReader<uint8_t>>();
    case ElementType::kInt16: return read.operator()<IntegerReader<int16_t>>();
    case ElementType::kUInt16: return read.operator()<IntegerReader<uint16_t>>();
    case ElementType::kInt32: return read.operator()<IntegerReader<int32_t>>();
    case ElementType::kUInt32: return read.operator()<IntegerReader<uint32_t>>();
    case ElementType::kInt64: return read.operator()<IntegerReader<int64_t>>();
    case ElementType::kUInt64: return read.operator()<IntegerReader<uint64_t>>();
    case ElementType::kBool: return read.operator()<BoolReader>();
    default: return {ErrorCode::kUnsupported, ": there are no numbers of this type"};
  }
}

}  // namespace onlite::numbers
