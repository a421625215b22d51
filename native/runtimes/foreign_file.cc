#include "runtimes/foreign_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace onlite {
namespace {

// NOLINTNEXTLINE(misc-unused-using-decls): used by the literals below, which the check does not see
using std::string_view_literals::operator""sv;

constexpr const char* kGitLfs =
    "a Git LFS pointer, not the model itself: run `git lfs pull` in its repository";
constexpr const char* kTar = "a tar archive: unpack it first (tar -xf)";
constexpr const char* kHtml =
    "an HTML page, not the model itself: a server answered the download with a page, such as a "
    "login or an error";
constexpr const char* kJson =
    "JSON, not a model in a binary format: an error that a server answered with, or a "
    "TensorFlow.js model, which has to be converted";
constexpr const char* kSafetensors =
    "a safetensors file, which has weights but no graph: export the model to ONNX "
    "(optimum-cli export onnx, torch.onnx.export)";
constexpr const char* kSavedModel =
    "a TensorFlow SavedModel: convert it with tf2onnx or TensorFlow's TFLiteConverter";

struct Magic {
  size_t at;
  std::string_view bytes;
  const char* what;
};

constexpr std::array kMagics = {
    Magic{0, "version https://git-lfs.github.com/spec/"sv, kGitLfs},
    Magic{0, "version https://hawser.github.com/spec/"sv, kGitLfs},
    Magic{0, "\x1f\x8b"sv, "compressed with gzip: unpack it first (gunzip, or tar -xzf)"},
    Magic{0, "BZh"sv, "compressed with bzip2: unpack it first (bunzip2, or tar -xjf)"},
    Magic{0, "\xfd\x37zXZ\0"sv, "compressed with xz: unpack it first (unxz, or tar -xJf)"},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "compressed with zstd: unpack it first (unzstd)"},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive: unpack it first"},
    Magic{257,
          "ustar\0"
          "00"sv,
          kTar},
    Magic{257, "ustar  \0"sv, kTar},
    Magic{0, "\x89HDF\r\n\x1a\n"sv,
          "an HDF5 file, as Keras writes: convert the model with tf2onnx or TensorFlow's "
          "TFLiteConverter"},
    Magic{0, "GGUF"sv,
          "a GGUF file, which llama.cpp runs and neither ONNX Runtime nor TensorFlow Lite does"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array, which is no model"},
};

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view WithoutSpace(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t start = text.find_first_not_of(" \t\r\n");
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

/// `prefix` is in lower case.
bool StartsAs(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), text.begin(), [](char wanted, char got) {
    return wanted == (got >= 'A' && got <= 'Z' ? static_cast<char>(got - 'A' + 'a') : got);
  });
}

/// Little-endian.
uint64_t Number(std::string_view text, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t index = bytes; index > 0; --index) {
    value = value << 8U | static_cast<uint8_t>(text[at + index - 1]);
  }
  return value;
}

/// An archive's names, from the directory at its end; as many as can be read.
std::vector<std::string_view> ZipNames(std::string_view file) {
  constexpr size_t kEndSize = 22;
  constexpr size_t kEntrySize = 46;
  constexpr size_t kMostNames = 10'000;
  std::vector<std::string_view> names;
  const size_t tail = file.size() - std::min<size_t>(file.size(), kEndSize + UINT16_MAX);
  const size_t end = file.rfind("PK\x05\x06"sv);
  if (end == std::string_view::npos || end < tail || file.size() - end < kEndSize) return names;
  uint64_t at = Number(file, end + 16, 4);
  while (at + kEntrySize <= end && file.substr(at, 4) == "PK\x01\x02"sv &&
         names.size() < kMostNames) {
    const uint64_t length = Number(file, at + 28, 2);
    if (length > end - at - kEntrySize) break;
    names.push_back(file.substr(at + kEntrySize, length));
    at += kEntrySize + length + Number(file, at + 30, 2) + Number(file, at + 32, 2);
  }
  return names;
}

std::string DescribeZip(std::string_view file) {
  const std::vector<std::string_view> names = ZipNames(file);
  const auto ends_with = [&names](std::string_view end) -> std::optional<std::string> {
    const auto found = std::find_if(names.begin(), names.end(),
                                    [end](std::string_view name) { return name.ends_with(end); });
    if (found == names.end()) return std::nullopt;
    return std::string(*found);
  };
  if (const auto name = ends_with(".tflite")) {
    return "a zip archive of TensorFlow Lite models, as a MediaPipe .task bundle is: unzip it and "
           "load what is in it, such as " +
           *name;
  }
  if (const auto name = ends_with(".onnx")) {
    return "a zip archive with an ONNX model in it: unzip it and load " + *name;
  }
  if (ends_with("data.pkl")) {
    return "a PyTorch file: export the model to ONNX (torch.onnx.export)";
  }
  if (ends_with("model.weights.h5")) {
    return "a Keras model: convert it with tf2onnx or TensorFlow's TFLiteConverter";
  }
  return "a zip archive: unpack it first";
}

/// The file begins with the length of a JSON object, and that object.
bool IsSafetensors(std::string_view text) {
  return text.size() > 16 && text.substr(8, 2) == "{\"" && Number(text, 0, 8) <= text.size() - 8;
}

/// Field 1 is 1, and field 2 a message and not, as in an ONNX model, a name.
bool IsSavedModel(std::string_view text) {
  if (!text.starts_with("\x08\x01\x12"sv)) return false;
  size_t at = 3;
  while (at < text.size() && at < 13 && (static_cast<uint8_t>(text[at]) & 0x80U) != 0) ++at;
  return at > 3 && at + 1 < text.size() && text[at + 1] == '\n';
}

/// A protocol of 2 to 5, which Python writes since 2.3.
bool IsPickle(std::string_view text) {
  return text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
}

}  // namespace

std::string DescribeForeignFile(std::span<const uint8_t> bytes) {
  const std::string_view file = TextOf(bytes);
  for (const Magic& magic : kMagics) {
    if (file.size() > magic.at && file.substr(magic.at).starts_with(magic.bytes)) return magic.what;
  }
  if (file.starts_with("PK\x03\x04"sv)) return DescribeZip(file);
  if (IsSafetensors(file)) return kSafetensors;
  if (IsSavedModel(file)) return kSavedModel;
  if (IsPickle(file)) {
    return "a Python pickle: export the model to ONNX (torch.onnx.export, skl2onnx)";
  }
  const std::string_view text = WithoutSpace(file.substr(0, 1024));
  if (StartsAs(text, "<!doctype") || StartsAs(text, "<html")) return kHtml;
  if (StartsAs(text, "<?xml")) return "an XML file, such as an OpenVINO model or a server's error";
  if (text.starts_with("{\"") ||
      (text.starts_with('{') && WithoutSpace(text.substr(1)).starts_with('"'))) {
    return kJson;
  }
  return {};
}

}  // namespace onlite
