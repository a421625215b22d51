#include "runtimes/ort/wire.h"

#include <limits>

namespace onlite::ort {

bool WireReader::Damaged() {
  ok_ = false;
  rest_ = {};
  return false;
}

bool WireReader::ReadVarint(uint64_t* value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    *value |= static_cast<uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return true;
  }
  return false;
}

bool WireReader::Skip(size_t count) {
  if (count > rest_.size()) return false;
  rest_ = rest_.subspan(count);
  return true;
}

bool WireReader::Next(WireField* field) {
  if (rest_.empty()) return false;
  uint64_t tag = 0;
  if (!ReadVarint(&tag) || tag > std::numeric_limits<uint32_t>::max()) return Damaged();
  *field = WireField{};
  field->number = static_cast<uint32_t>(tag >> 3U);
  if (field->number == 0) return Damaged();

  switch (tag & 7U) {
    case WireField::kVarint:
      field->type = WireField::kVarint;
      return ReadVarint(&field->varint) || Damaged();
    case WireField::kFixed64: field->type = WireField::kFixed64; return Skip(8) || Damaged();
    case WireField::kFixed32: field->type = WireField::kFixed32; return Skip(4) || Damaged();
    case WireField::kLengthDelimited: {
      uint64_t length = 0;
      if (!ReadVarint(&length) || length > rest_.size()) return Damaged();
      field->type = WireField::kLengthDelimited;
      field->bytes = rest_.first(static_cast<size_t>(length));
      rest_ = rest_.subspan(static_cast<size_t>(length));
      return true;
    }
    default:
      // Groups: no version of ONNX has one.
      return Damaged();
  }
}

}  // namespace onlite::ort
