#include "runtimes/library_file.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "runtimes/open_file.h"

namespace onlite {
namespace {

using Format = LibraryTarget::Format;
using Processor = LibraryTarget::Processor;

const char* SystemName(Format format) {
  switch (format) {
    case Format::kElf: return "Linux";
    case Format::kMachO: return "macOS";
    case Format::kPe: return "Windows";
  }
  return "";
}

const char* ProcessorName(Processor processor) {
  return processor == Processor::kX64 ? "x64" : "arm64";
}

/// The file's numbers, which are 0 beyond its end, and how far its headers say that it goes.
class Headers {
 public:
  Headers(File file, uint64_t size) : file_(std::move(file)), size_(size) {}

  uint64_t size() const { return size_; }
  /// Of what the headers name. More than `size` in a file that is cut off.
  uint64_t end() const { return end_; }

  uint16_t U16(uint64_t at) { return static_cast<uint16_t>(Number<2>(at)); }
  uint32_t U32(uint64_t at) { return static_cast<uint32_t>(Number<4>(at)); }
  uint64_t U64(uint64_t at) { return Number<8>(at); }
  uint32_t BigEndianU32(uint64_t at) {
    const uint32_t value = U32(at);
    return value << 24U | (value & 0xff00U) << 8U | (value >> 8U & 0xff00U) | value >> 24U;
  }

  /// The headers name these bytes.
  void Names(uint64_t at, uint64_t bytes) {
    const uint64_t end = bytes > UINT64_MAX - at ? UINT64_MAX : at + bytes;
    if (bytes > 0) end_ = std::max(end_, end);
  }

 private:
  /// Little-endian.
  template <size_t kBytes>
  uint64_t Number(uint64_t at) {
    Names(at, kBytes);
    std::array<uint8_t, kBytes> bytes{};
    if (at > size_ || kBytes > size_ - at) return 0;
    // Headers are at the front, or at the end of at most some gigabytes.
    // NOLINTNEXTLINE(google-runtime-int): fseek's type
    if (std::fseek(file_.get(), static_cast<long>(at), SEEK_SET) != 0) return 0;
    if (std::fread(bytes.data(), 1, kBytes, file_.get()) != kBytes) return 0;
    uint64_t value = 0;
    for (size_t index = kBytes; index-- > 0;) value = value << 8U | bytes[index];
    return value;
  }

  const File file_;
  const uint64_t size_;
  uint64_t end_ = 0;
};

// Each reader gives what is wrong, or nothing, and has the headers name the bytes that the system
// will map. The numbers are of elf.h, mach-o/loader.h and winnt.h.

std::string OtherProcessor(uint64_t machine, uint64_t x64, uint64_t arm64, Processor expected) {
  if (machine == (expected == Processor::kX64 ? x64 : arm64)) return {};
  const std::string name = machine == x64     ? "x64"
                           : machine == arm64 ? "arm64"
                                              : "another processor";
  return "it is for " + name + ", and this process is " + ProcessorName(expected);
}

constexpr const char* kNoLibrary = "it is no shared library";

std::string ReadElf(Headers& headers, Processor processor) {
  constexpr uint16_t kSharedObject = 3;
  constexpr uint32_t kLoad = 1;
  std::string other = OtherProcessor(headers.U16(18), 62, 183, processor);
  if (!other.empty()) return other;
  if (headers.U16(16) != kSharedObject) return kNoLibrary;
  const uint64_t segments = headers.U64(32);
  const uint64_t segment_size = headers.U16(54);
  const uint64_t segment_count = headers.U16(56);
  headers.Names(headers.U64(40), uint64_t{headers.U16(58)} * headers.U16(60));
  headers.Names(segments, segment_size * segment_count);
  for (uint64_t index = 0; index < segment_count; ++index) {
    const uint64_t segment = segments + index * segment_size;
    if (headers.U32(segment) == kLoad) {
      headers.Names(headers.U64(segment + 8), headers.U64(segment + 32));
    }
  }
  return {};
}

constexpr uint32_t kMachO64 = 0xfeedfacf;
constexpr uint32_t kMachOUniversal = 0xcafebabe;
constexpr uint32_t kMachOX64 = 0x01000007;
constexpr uint32_t kMachOArm64 = 0x0100000c;
/// Java's classes begin as universal libraries do, and have their version there, 45 or more.
constexpr uint32_t kMostProcessors = 40;

/// Of one processor's library, which begins at `base`.
std::string ReadMachOSlice(Headers& headers, uint64_t base, Processor processor) {
  constexpr uint32_t kDynamicLibrary = 6;
  constexpr uint32_t kBundle = 8;
  constexpr uint32_t kSegment = 0x19;
  std::string other = OtherProcessor(headers.U32(base + 4), kMachOX64, kMachOArm64, processor);
  if (!other.empty()) return other;
  const uint32_t type = headers.U32(base + 12);
  if (type != kDynamicLibrary && type != kBundle) return kNoLibrary;
  uint64_t command = base + 32;
  headers.Names(command, headers.U32(base + 20));
  for (uint32_t left = headers.U32(base + 16); left > 0 && command < headers.size(); --left) {
    if (headers.U32(command) == kSegment) {
      headers.Names(base + headers.U64(command + 40), headers.U64(command + 48));
    }
    command += std::max<uint32_t>(8, headers.U32(command + 4));
  }
  return {};
}

std::string ReadMachO(Headers& headers, Processor processor) {
  if (headers.U32(0) == kMachO64) return ReadMachOSlice(headers, 0, processor);
  std::string other;
  for (uint64_t index = 0, count = headers.BigEndianU32(4); index < count; ++index) {
    const uint64_t entry = 8 + 20 * index;
    const uint64_t machine = headers.BigEndianU32(entry);
    other = OtherProcessor(machine, kMachOX64, kMachOArm64, processor);
    const uint64_t base = headers.BigEndianU32(entry + 8);
    if (other.empty()) return ReadMachOSlice(headers, base, processor);
  }
  return other;
}

std::string ReadPe(Headers& headers, Processor processor) {
  constexpr uint16_t kLibrary = 0x2000;
  const uint64_t start = headers.U32(0x3c);
  std::string other = OtherProcessor(headers.U16(start + 4), 0x8664, 0xaa64, processor);
  if (!other.empty()) return other;
  if ((headers.U16(start + 22) & kLibrary) == 0) return kNoLibrary;
  const uint64_t sections = start + 24 + headers.U16(start + 20);
  for (uint64_t index = 0, count = headers.U16(start + 6); index < count; ++index) {
    const uint64_t section = sections + 40 * index;
    headers.Names(headers.U32(section + 20), headers.U32(section + 16));
  }
  return {};
}

/// False for what is no library of any system.
bool FindFormat(Headers& headers, Format* format) {
  constexpr uint32_t kElf = 0x464c457f;
  constexpr uint16_t kMz = 0x5a4d;
  const uint32_t magic = headers.U32(0);
  const uint32_t machos = headers.BigEndianU32(4);
  if (magic == kElf) {
    *format = Format::kElf;
  } else if (magic == kMachO64 || (headers.BigEndianU32(0) == kMachOUniversal && machos > 0 &&
                                   machos < kMostProcessors)) {
    *format = Format::kMachO;
  } else if ((magic & 0xffffU) == kMz) {
    *format = Format::kPe;
  } else {
    return false;
  }
  return true;
}

/// What is wrong, or nothing.
std::string Fault(Headers& headers, LibraryTarget target) {
  if (headers.size() == 0) return "it is empty";
  Format format = target.format;
  if (!FindFormat(headers, &format)) return kNoLibrary;
  if (format != target.format) return std::string("it is a library for ") + SystemName(format);
  std::string fault = format == Format::kElf     ? ReadElf(headers, target.processor)
                      : format == Format::kMachO ? ReadMachO(headers, target.processor)
                                                 : ReadPe(headers, target.processor);
  // What is read beyond the end is no processor's number.
  if (headers.end() <= headers.size()) return fault;
  return "it is cut off: its headers name " + std::to_string(headers.end()) + " bytes, it has " +
         std::to_string(headers.size());
}

}  // namespace

LibraryTarget LibraryTarget::Host() {
#if defined(_WIN32)
  constexpr Format kFormat = Format::kPe;
#elif defined(__APPLE__)
  constexpr Format kFormat = Format::kMachO;
#else
  constexpr Format kFormat = Format::kElf;
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
  return {kFormat, Processor::kArm64};
#else
  return {kFormat, Processor::kX64};
#endif
}

Status CheckLibraryFile(const std::string& path, LibraryTarget target) {
  const auto refuse = [&](const std::string& why) {
    return Status(ErrorCode::kRuntimeNotFound, "cannot load " + path, why);
  };
  std::error_code error;
  const auto status = std::filesystem::status(FromUtf8(path), error);
  if (std::filesystem::is_directory(status)) return refuse("it is a folder");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return refuse(kNoLibrary);
  }
  const uint64_t size = std::filesystem::file_size(FromUtf8(path), error);
  if (error) return Status::Ok();
  File file = OpenForReading(path);
  if (!file) return Status::Ok();
  Headers headers(std::move(file), size);
  const std::string fault = Fault(headers, target);
  return fault.empty() ? Status::Ok() : refuse(fault);
}

}  // namespace onlite
