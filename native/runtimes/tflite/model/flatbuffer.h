#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace onlite::tflite {

class FlatTable;

/// A FlatBuffers file whose every read is checked against the bytes. The first
/// thing found wrong is kept with the path of where it was, and every later
/// read gives an empty value: a reader may walk on and ask `ok()` at the end.
/// The work is bounded too: tables and elements are paid for from a budget, so
/// a small file whose offsets all point at one place cannot cost hours.
/// Not thread-safe. Little-endian hosts, as both runtimes.
class FlatBuffer {
 public:
  explicit FlatBuffer(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  FlatBuffer(const FlatBuffer&) = delete;
  FlatBuffer& operator=(const FlatBuffer&) = delete;

  bool ok() const { return error_.empty(); }
  /// "subgraphs[0].tensors[3].shape: …"
  const std::string& error() const { return error_; }
  size_t size() const { return bytes_.size(); }
  const uint8_t* data() const { return bytes_.data(); }

  /// The root table of a file that has this four-character identifier.
  FlatTable Root(std::string_view identifier);

  /// Records the first error, at the current path.
  void Fail(std::string_view what);

  /// Takes `amount` from the budget; false, with an error, when it is spent.
  bool Spend(size_t amount);

  /// Whether [offset, offset + size) lies in the file.
  bool Contains(size_t offset, size_t size) const {
    return offset <= bytes_.size() && size <= bytes_.size() - offset;
  }

  /// Unchecked: the caller has asked Contains.
  template <typename T>
  T Load(size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  /// Adds one step to the path that errors carry, for as long as it lives.
  class Scope {
   public:
    Scope(FlatBuffer* buffer, const char* name, size_t index = kNoIndex) : buffer_(buffer) {
      buffer_->path_.push_back({name, index});
    }
    ~Scope() { buffer_->path_.pop_back(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    FlatBuffer* buffer_;
  };

 private:
  static constexpr size_t kNoIndex = SIZE_MAX;

  struct Step {
    const char* name;
    size_t index;
  };

  std::span<const uint8_t> bytes_;
  std::vector<Step> path_;
  std::string error_;
  size_t budget_ = size_t{1} << 26;
};

/// A vector of scalars inside the file.
template <typename T>
class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(const uint8_t* data, size_t size) : data_(data), size_(size), present_(true) {}

  /// A vector that is there may be empty.
  bool present() const { return present_; }
  size_t size() const { return size_; }
  const uint8_t* data() const { return data_; }
  T operator[](size_t index) const {
    T value;
    std::memcpy(&value, data_ + index * sizeof(T), sizeof(T));
    return value;
  }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  bool present_ = false;
};

/// A vector of tables.
class FlatTables {
 public:
  FlatTables() = default;
  FlatTables(FlatBuffer* buffer, size_t position, size_t size)
      : buffer_(buffer), position_(position), size_(size) {}

  bool present() const { return buffer_ != nullptr; }
  size_t size() const { return size_; }
  FlatTable operator[](size_t index) const;

 private:
  FlatBuffer* buffer_ = nullptr;
  size_t position_ = 0;
  size_t size_ = 0;
};

/// A table of the file. Fields are named by their slot, the position of the
/// field in the schema's table. An absent table reads as one without fields.
class FlatTable {
 public:
  FlatTable() = default;
  /// Checks the table at `position` and its vtable.
  FlatTable(FlatBuffer* buffer, size_t position);

  bool present() const { return buffer_ != nullptr; }
  bool Has(size_t slot) const { return Field(slot) != 0; }

  template <typename T>
  T Scalar(size_t slot, T fallback) const {
    const size_t at = Field(slot);
    if (at == 0 || !ScalarFits(at, sizeof(T))) return fallback;
    return buffer_->Load<T>(at);
  }

  /// The zero-terminated string; empty if it is absent.
  std::string_view String(size_t slot) const;
  FlatTable Table(size_t slot) const;
  FlatTables Tables(size_t slot) const;

  template <typename T>
  FlatVector<T> Vector(size_t slot) const {
    size_t count = 0;
    const size_t at = VectorAt(slot, sizeof(T), &count);
    if (at == 0) return {};
    return FlatVector<T>(buffer_->data() + at, count);
  }

 private:
  /// Position of a field's value, 0 if the table does not have it.
  size_t Field(size_t slot) const;
  bool ScalarFits(size_t at, size_t size) const;
  /// Follows the offset in a field; 0 if it is absent or wrong.
  size_t Follow(size_t slot) const;
  /// Position of a vector's first element, 0 if it is absent or wrong.
  size_t VectorAt(size_t slot, size_t element_size, size_t* count) const;

  FlatBuffer* buffer_ = nullptr;
  size_t position_ = 0;
  size_t vtable_ = 0;
  size_t vtable_size_ = 0;
  size_t table_size_ = 0;
};

}  // namespace onlite::tflite
