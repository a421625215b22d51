#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace onlite::ort {

using Bytes = std::span<const uint8_t>;

/// One field of a protobuf message. `bytes` is set for kLengthDelimited,
/// `varint` for kVarint; fixed-width fields are skipped over.
struct WireField {
  enum Type : uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

  uint32_t number = 0;
  Type type = kVarint;
  uint64_t varint = 0;
  Bytes bytes;

  bool IsMessage(uint32_t expected) const { return number == expected && type == kLengthDelimited; }
  bool IsVarint(uint32_t expected) const { return number == expected && type == kVarint; }
  std::string Text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

/// Walks the fields of one encoded protobuf message without decoding it.
/// Never reads outside `message`, whatever it holds.
class WireReader {
 public:
  explicit WireReader(Bytes message) : rest_(message) {}

  /// False at the end of the message and at damage; `ok()` tells which.
  bool Next(WireField* field);
  bool ok() const { return ok_; }

 private:
  bool ReadVarint(uint64_t* value);
  bool Skip(size_t count);
  bool Damaged();

  Bytes rest_;
  bool ok_ = true;
};

}  // namespace onlite::ort
