#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

void FlatBuffer::Fail(std::string_view what) {
  if (!error_.empty()) return;
  for (const Step& step : path_) {
    if (!error_.empty()) error_ += '.';
    error_ += step.name;
    if (step.index != kNoIndex) error_ += "[" + std::to_string(step.index) + "]";
  }
  if (!error_.empty()) error_ += ": ";
  error_ += what;
}

bool FlatBuffer::Spend(size_t amount) {
  if (amount <= budget_) {
    budget_ -= amount;
    return ok();
  }
  budget_ = 0;
  Fail("the file is too intricate to check");
  return false;
}

FlatTable FlatBuffer::Root(std::string_view identifier) {
  if (bytes_.size() < 8) {
    Fail("the file is shorter than a header");
    return {};
  }
  if (std::memcmp(bytes_.data() + 4, identifier.data(), 4) != 0) {
    Fail("the identifier is not " + std::string(identifier));
    return {};
  }
  return FlatTable(this, Load<uint32_t>(0));
}

FlatTable FlatTables::operator[](size_t index) const {
  const size_t at = position_ + index * sizeof(uint32_t);
  return FlatTable(buffer_, at + buffer_->Load<uint32_t>(at));
}

FlatTable::FlatTable(FlatBuffer* buffer, size_t position) {
  if (!buffer->Spend(1)) return;
  if (position % 4 != 0 || !buffer->Contains(position, 4)) {
    buffer->Fail("a table lies outside the file");
    return;
  }
  const int64_t back = buffer->Load<int32_t>(position);
  const int64_t vtable = static_cast<int64_t>(position) - back;
  if (vtable < 0 || vtable % 2 != 0 || !buffer->Contains(static_cast<size_t>(vtable), 4)) {
    buffer->Fail("a table's field list lies outside the file");
    return;
  }
  const auto vtable_size = buffer->Load<uint16_t>(static_cast<size_t>(vtable));
  const auto table_size = buffer->Load<uint16_t>(static_cast<size_t>(vtable) + 2);
  if (vtable_size < 4 || vtable_size % 2 != 0 ||
      !buffer->Contains(static_cast<size_t>(vtable), vtable_size) || table_size < 4 ||
      !buffer->Contains(position, table_size)) {
    buffer->Fail("a table runs past the end of the file");
    return;
  }
  buffer_ = buffer;
  position_ = position;
  vtable_ = static_cast<size_t>(vtable);
  vtable_size_ = vtable_size;
  table_size_ = table_size;
}

size_t FlatTable::Field(size_t slot) const {
  const size_t entry = 4 + slot * 2;
  if (buffer_ == nullptr || entry + 2 > vtable_size_) return 0;
  const auto offset = buffer_->Load<uint16_t>(vtable_ + entry);
  if (offset == 0) return 0;
  if (offset < 4 || offset >= table_size_) {
    buffer_->Fail("a field lies outside its table");
    return 0;
  }
  return position_ + offset;
}

bool FlatTable::ScalarFits(size_t at, size_t size) const {
  if (at % size == 0 && at + size <= position_ + table_size_) return true;
  buffer_->Fail("a field is misaligned or lies outside its table");
  return false;
}

size_t FlatTable::Follow(size_t slot) const {
  const size_t at = Field(slot);
  if (at == 0 || !ScalarFits(at, 4)) return 0;
  const size_t target = at + buffer_->Load<uint32_t>(at);
  if (target != at && target % 4 == 0 && buffer_->Contains(target, 4)) return target;
  buffer_->Fail("an offset points outside the file");
  return 0;
}

size_t FlatTable::VectorAt(size_t slot, size_t element_size, size_t* count) const {
  const size_t at = Follow(slot);
  if (at == 0) return 0;
  const size_t first = at + 4;
  *count = buffer_->Load<uint32_t>(at);
  if (*count > 0 && first % element_size != 0) {
    buffer_->Fail("a vector is misaligned");
    return 0;
  }
  if (*count > SIZE_MAX / element_size || !buffer_->Contains(first, *count * element_size)) {
    buffer_->Fail("a vector runs past the end of the file");
    return 0;
  }
  return first;
}

std::string_view FlatTable::String(size_t slot) const {
  size_t length = 0;
  const size_t at = VectorAt(slot, 1, &length);
  if (at == 0) return {};
  if (!buffer_->Contains(at, length + 1) || buffer_->data()[at + length] != 0) {
    buffer_->Fail("a string is not terminated");
    return {};
  }
  return {reinterpret_cast<const char*>(buffer_->data()) + at, length};
}

FlatTable FlatTable::Table(size_t slot) const {
  const size_t at = Follow(slot);
  return at == 0 ? FlatTable() : FlatTable(buffer_, at);
}

FlatTables FlatTable::Tables(size_t slot) const {
  size_t count = 0;
  const size_t at = VectorAt(slot, sizeof(uint32_t), &count);
  return at == 0 ? FlatTables() : FlatTables(buffer_, at, count);
}

}  // namespace onlite::tflite
