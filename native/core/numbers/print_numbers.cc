#include "core/numbers/print_numbers.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/numbers/element_writers.h"

namespace onlite::numbers {
namespace {

/// One call of PrintNumbers.
class Printer {
 public:
  Printer(const void* data, const NumberStyle& style, ByteBuffer* text)
      : data_(static_cast<const uint8_t*>(data)), style_(style), text_(text) {}

  /// @param print_elements PrintElements of a type
  Status Print(bool (Printer::*print_elements)(size_t), std::span<const int64_t> dims,
               size_t* length, std::vector<double>* row_ends) {
    print_elements_ = print_elements;
    const bool ok = row_ends == nullptr ? PrintArray(dims) : PrintRows(dims, row_ends);
    *length = length_;
    return ok ? Status::Ok() : std::move(status_);
  }

  /// The next elements with commas between.
  template <typename Writer>
  bool PrintElements(size_t count);

 private:
  /// Elements that are read at a time.
  static constexpr size_t kBlock = 256;

  bool PrintRows(std::span<const int64_t> dims, std::vector<double>* row_ends) {
    // Their ends are kept, however short they are.
    constexpr int64_t kMostRows = int64_t{1} << 27;
    if (dims[0] > kMostRows) {
      status_ = Status(ErrorCode::kInvalidArgument,
                       ": expected at most " + std::to_string(kMostRows) + " rows");
      return false;
    }
    for (int64_t row = 0; row < dims[0]; ++row) {
      path_ = {row};
      if (!PrintArray(dims.subspan(1))) return false;
      row_ends->push_back(static_cast<double>(length_));
    }
    return true;
  }

  /// A tensor, whose arrays down to the first dimension of 0 have at least one element.
  bool PrintArray(std::span<const int64_t> dims) {
    const size_t base = path_.size();
    const auto empty = std::find(dims.begin(), dims.end(), 0);
    const size_t rank = empty == dims.end() ? dims.size() : empty - dims.begin() + 1;
    is_array_ = rank != 0;
    if (!is_array_) return (this->*print_elements_)(1);
    const auto inner = static_cast<size_t>(dims[rank - 1]);
    path_.resize(base + rank - 1, 0);
    size_t opened = 0;
    for (;;) {
      if (!Repeat('[', rank - opened) || !(this->*print_elements_)(inner) || !Repeat(']', 1)) {
        return false;
      }
      // Counts on, from the innermost dimension but one.
      opened = rank - 1;
      while (opened > 0 && ++path_[base + opened - 1] == dims[opened - 1]) {
        path_[base + opened - 1] = 0;
        --opened;
        if (!Repeat(']', 1)) return false;
      }
      if (opened == 0) break;
      if (!Repeat(',', 1)) return false;
    }
    path_.resize(base);
    return true;
  }

  char* end() { return reinterpret_cast<char*>(text_->data() + length_); }

  /// Room for so many bytes more, which need not all be written.
  bool Reserve(size_t bytes) {
    return bytes <= style_.max_bytes - length_ && text_->Reserve(length_ + bytes, style_.max_bytes);
  }

  bool Repeat(char letter, size_t count) {
    for (; count > 0; --count) {
      if (!Reserve(1)) return NoRoom(1);
      *end() = letter;
      ++length_;
    }
    return true;
  }

  bool Append(const char* text, size_t bytes) {
    if (!Reserve(bytes)) return NoRoom(bytes);
    std::memcpy(end(), text, bytes);
    length_ += bytes;
    return true;
  }

  bool NoRoom(size_t bytes) {
    if (text_->is_fixed() && text_->capacity() - length_ < bytes) {
      status_ =
          Status(ErrorCode::kShapeMismatch,
                 ": there is room for " + std::to_string(text_->capacity()) + " bytes, got more");
    } else if (bytes > style_.max_bytes - length_) {
      status_ = Status(ErrorCode::kInvalidArgument,
                       ": expected at most " + std::to_string(style_.max_bytes) + " bytes of text");
    } else {
      status_ = Status(ErrorCode::kOutOfMemory,
                       ": out of memory for more than " + std::to_string(length_) + " bytes");
    }
    return false;
  }

  bool Refuse(size_t index, const std::string& element) {
    std::string path;
    for (const int64_t outer : path_) path += "[" + std::to_string(outer) + "]";
    if (is_array_) path += "[" + std::to_string(index) + "]";
    status_ =
        Status(ErrorCode::kInvalidArgument, path + ": expected a finite number, got " + element);
    return false;
  }

  const uint8_t* data_;
  const NumberStyle& style_;
  ByteBuffer* text_;
  size_t length_ = 0;
  /// The indices of the array that is being written.
  std::vector<int64_t> path_;
  /// They are followed by one more, the element's.
  bool is_array_ = false;
  bool (Printer::*print_elements_)(size_t) = nullptr;
  Status status_;
};

template <typename Writer>
bool Printer::PrintElements(size_t count) {
  using Stored = Writer::Stored;
  std::array<Stored, kBlock> block;
  for (size_t done = 0; done < count;) {
    const size_t taken = std::min(count - done, kBlock);
    std::memcpy(block.data(), data_, taken * sizeof(Stored));
    data_ += taken * sizeof(Stored);
    const bool fits = Reserve(taken * (kRoomForElement + 1));
    char* at = fits ? end() : nullptr;
    for (size_t index = 0; index < taken; ++index) {
      const bool comma = done + index + 1 < count;
      std::array<char, kRoomForElement + 1> apart;
      char* const to = fits ? at : apart.data();
      char* after = Writer::Write(block[index], style_, to);
      if (after == nullptr) {
        after = Writer::Write(block[index], {}, apart.data());
        return Refuse(done + index, {apart.data(), after});
      }
      if (comma) *after++ = ',';
      if (fits) {
        at = after;
      } else if (!Append(to, static_cast<size_t>(after - to))) {
        return false;
      }
    }
    if (fits) length_ = static_cast<size_t>(reinterpret_cast<uint8_t*>(at) - text_->data());
    done += taken;
  }
  return true;
}

}  // namespace

Status PrintNumbers(ElementType type, const void* data, std::span<const int64_t> dims,
                    const NumberStyle& style, ByteBuffer* text, size_t* length,
                    std::vector<double>* row_ends) {
  *length = 0;
  if (row_ends != nullptr && dims.empty()) {
    return {ErrorCode::kShapeMismatch, ": a scalar has no rows"};
  }
  Printer printer(data, style, text);
  const auto print = [&]<typename Writer> {
    return printer.Print(&Printer::PrintElements<Writer>, dims, length, row_ends);
  };
  switch (type) {
    case ElementType::kFloat32: return print.operator()<FloatWriter<kFloat32Format, uint32_t>>();
    case ElementType::kFloat64: return print.operator()<FloatWriter<kFloat64Format, uint64_t>>();
    case ElementType::kFloat16: return print.operator()<FloatWriter<kFloat16Format, uint16_t>>();
    case ElementType::kBFloat16: return print.operator()<FloatWriter<kBFloat16Format, uint16_t>>();
    case ElementType::kInt8: return print.operator()<IntegerWriter<int8_t>>();
    case ElementType::kUInt8: return print.operator()<IntegerWriter<uint8_t>>();
    case ElementType::kInt16: return print.operator()<IntegerWriter<int16_t>>();
    case ElementType::kUInt16: return print.operator()<IntegerWriter<uint16_t>>();
    case ElementType::kInt32: return print.operator()<IntegerWriter<int32_t>>();
    case ElementType::kUInt32: return print.operator()<IntegerWriter<uint32_t>>();
    case ElementType::kInt64: return print.operator()<IntegerWriter<int64_t>>();
    case ElementType::kUInt64: return print.operator()<IntegerWriter<uint64_t>>();
    case ElementType::kBool: return print.operator()<BoolWriter>();
    default: return {ErrorCode::kUnsupported, ": there are no numbers of this type"};
  }
}

}  // namespace onlite::numbers
