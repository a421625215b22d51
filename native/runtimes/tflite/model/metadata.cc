#include "runtimes/tflite/model/metadata.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

std::span<const uint8_t> BufferBytes(const FlatBuffer& file, const FlatTable& buffer) {
  const auto offset = buffer.Scalar<uint64_t>(schema::Buffer::kOffset, 0);
  const auto size = buffer.Scalar<uint64_t>(schema::Buffer::kSize, 0);
  if (offset > 1) return {file.data() + offset, size};
  const auto data = buffer.Vector<uint8_t>(schema::Buffer::kData);
  return {data.data(), data.size()};
}

/// Text up to the first NUL: the entry is padded with them.
std::string PaddedText(std::span<const uint8_t> bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), uint8_t{0});
  return {bytes.begin(), end};
}

/// A FlatBuffers file inside the file. One that is damaged is left out: nothing
/// but these texts depends on it.
void ReadModelMetadata(std::span<const uint8_t> bytes, ModelMetadata* metadata) {
  using Fields = schema::ModelMetadata;
  FlatBuffer file(bytes);
  const FlatTable root = file.Root(schema::kMetadataIdentifier);
  const std::string_view name = root.String(Fields::kName);
  const std::string_view description = root.String(Fields::kDescription);
  const std::string_view version = root.String(Fields::kVersion);
  const std::string_view author = root.String(Fields::kAuthor);
  const std::string_view license = root.String(Fields::kLicense);
  if (!file.ok()) return;
  metadata->graph_name = name;
  metadata->producer = author;
  if (!description.empty()) metadata->description = description;
  if (!author.empty()) metadata->custom["author"] = author;
  if (!license.empty()) metadata->custom["license"] = license;
  if (version.empty()) return;
  metadata->custom["version"] = version;
  // The field is free text ("v1", "1.2.0"); only a plain number is a version.
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(version.data(), version.data() + version.size(), number);
  if (error == std::errc() && end == version.data() + version.size()) metadata->version = number;
}

constexpr std::string_view kConversionMetadata = "CONVERSION_METADATA";

/// What a runtime reads of it: the modes in the options of the root.
bool IsSoundConversionMetadata(std::span<const uint8_t> bytes) {
  constexpr size_t kOptions = 1;
  constexpr size_t kModes = 0;
  FlatBuffer file(bytes);
  if (!file.Contains(0, sizeof(uint32_t))) return false;
  const FlatTable root(&file, file.Load<uint32_t>(0));
  root.Table(kOptions).Vector<int32_t>(kModes);
  return file.ok();
}

/// The names of the model's entries of that kind, in the file.
std::vector<std::string_view> ConversionMetadata(FlatBuffer* file, bool only_damaged) {
  std::vector<std::string_view> names;
  const FlatTable model = file->Root(schema::kModelIdentifier);
  const FlatTables buffers = model.Tables(schema::Model::kBuffers);
  const FlatTables entries = model.Tables(schema::Model::kMetadata);
  for (size_t index = 0; index < entries.size(); ++index) {
    const FlatTable entry = entries[index];
    const std::string_view name = entry.String(schema::Metadata::kName);
    if (name != kConversionMetadata) continue;
    const auto buffer = entry.Scalar<uint32_t>(schema::Metadata::kBuffer, 0);
    if (only_damaged && IsSoundConversionMetadata(BufferBytes(*file, buffers[buffer]))) continue;
    names.push_back(name);
  }
  return names;
}

}  // namespace

bool HasSoundConversionMetadata(std::span<const uint8_t> model) {
  FlatBuffer file(model);
  return ConversionMetadata(&file, true).empty();
}

SharedBytes HideConversionMetadata(std::span<const uint8_t> model) {
  std::shared_ptr<uint8_t[]> copy(AllocateAligned(model.size()));
  if (copy == nullptr) return {};
  std::memcpy(copy.get(), model.data(), model.size());
  FlatBuffer file(model);
  for (const std::string_view name : ConversionMetadata(&file, false)) {
    const auto* at = reinterpret_cast<const uint8_t*>(name.data());
    *(copy.get() + (at - model.data())) = '-';
  }
  return {copy, copy.get(), model.size()};
}

ModelMetadata ReadMetadata(FlatBuffer* file, const FlatTable& model) {
  ModelMetadata metadata;
  metadata.description = model.String(schema::Model::kDescription);
  const FlatTables buffers = model.Tables(schema::Model::kBuffers);
  const FlatTables entries = model.Tables(schema::Model::kMetadata);
  for (size_t index = 0; index < entries.size(); ++index) {
    const FlatTable entry = entries[index];
    const std::string name(entry.String(schema::Metadata::kName));
    const auto buffer = entry.Scalar<uint32_t>(schema::Metadata::kBuffer, 0);
    const std::span<const uint8_t> bytes = BufferBytes(*file, buffers[buffer]);
    if (name == "min_runtime_version") {
      metadata.custom[name] = PaddedText(bytes);
    } else {
      metadata.custom[name] = std::to_string(bytes.size()) + " bytes";
    }
    if (name == "TFLITE_METADATA") ReadModelMetadata(bytes, &metadata);
  }
  return metadata;
}

}  // namespace onlite::tflite
