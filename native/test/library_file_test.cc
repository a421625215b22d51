// Headers of libraries of every system, made here, and the real ones of this system.
#include "runtimes/library_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace onlite {
namespace {

using Format = LibraryTarget::Format;
using Processor = LibraryTarget::Processor;

/// Bytes of a file, grown as they are written.
class Image {
 public:
  Image& Put(size_t at, uint64_t value, size_t bytes) {
    if (data_.size() < at + bytes) data_.resize(at + bytes);
    for (size_t index = 0; index < bytes; ++index) {
      data_[at + index] = static_cast<char>(value >> (8 * index));
    }
    return *this;
  }
  std::string Bytes(size_t size) const {
    std::string bytes = data_;
    bytes.resize(size);
    return bytes;
  }

 private:
  std::string data_;
};

// Each has 1000 bytes by its headers.

Image Elf(uint64_t machine, uint64_t type = 3) {
  return Image()
      .Put(0, 0x464c457f, 4)
      .Put(16, type, 2)
      .Put(18, machine, 2)
      .Put(32, 64, 8)  // one segment's header follows
      .Put(54, 56, 2)
      .Put(56, 1, 2)
      .Put(64, 1, 4)
      .Put(72, 200, 8)
      .Put(96, 800, 8);
}

Image MachO(uint64_t machine, size_t base = 0) {
  return Image()
      .Put(base, 0xfeedfacf, 4)
      .Put(base + 4, machine, 4)
      .Put(base + 12, 6, 4)
      .Put(base + 16, 1, 4)
      .Put(base + 20, 72, 4)
      .Put(base + 32, 0x19, 4)
      .Put(base + 36, 72, 4)
      .Put(base + 72, 100, 8)
      .Put(base + 80, 900 - base, 8);
}

/// With arm64's library alone in it, at 200.
Image UniversalMachO() {
  return MachO(0x0100000c, 200)
      .Put(0, 0xbebafeca, 4)
      .Put(7, 1, 1)
      .Put(8, 0x0c000001, 4)
      .Put(19, 200, 1);
}

Image Pe(uint64_t machine, uint64_t characteristics = 0x2000) {
  return Image()
      .Put(0, 0x5a4d, 2)
      .Put(0x3c, 128, 4)
      .Put(128, 0x4550, 4)
      .Put(132, machine, 2)
      .Put(134, 1, 2)
      .Put(148, 16, 2)
      .Put(150, characteristics, 2)
      .Put(128 + 24 + 16 + 16, 600, 4)
      .Put(128 + 24 + 16 + 20, 400, 4);
}

class LibraryFile : public testing::Test {
 protected:
  ~LibraryFile() override { std::filesystem::remove(path_); }

  std::string FaultOf(const std::string& bytes, LibraryTarget target) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    const Status status = CheckLibraryFile(path_, target);
    EXPECT_TRUE(status.ok() || status.code() == ErrorCode::kRuntimeNotFound);
    return status.cause();
  }
  std::string FaultOf(const Image& image, LibraryTarget target) const {
    return FaultOf(image.Bytes(1000), target);
  }

  const std::string path_ = testing::TempDir() + "onlite-library-file-" +
                            testing::UnitTest::GetInstance()->current_test_info()->name();
};

constexpr LibraryTarget kLinux{Format::kElf, Processor::kX64};
constexpr LibraryTarget kLinuxArm{Format::kElf, Processor::kArm64};
constexpr LibraryTarget kMac{Format::kMachO, Processor::kArm64};
constexpr LibraryTarget kOldMac{Format::kMachO, Processor::kX64};
constexpr LibraryTarget kWindows{Format::kPe, Processor::kX64};
constexpr LibraryTarget kWindowsArm{Format::kPe, Processor::kArm64};

TEST_F(LibraryFile, IsWholeOrCutOff) {
  const struct {
    Image image;
    LibraryTarget target;
  } libraries[] = {{Elf(62), kLinux},         {Elf(183), kLinuxArm},
                   {MachO(0x0100000c), kMac}, {MachO(0x01000007), kOldMac},
                   {UniversalMachO(), kMac},  {Pe(0x8664), kWindows},
                   {Pe(0xaa64), kWindowsArm}};
  for (const auto& [image, target] : libraries) {
    EXPECT_EQ(FaultOf(image, target), "");
    EXPECT_EQ(FaultOf(image.Bytes(999), target),
              "it is cut off: its headers name 1000 bytes, it has 999");
    for (const size_t size : {4, 20, 70, 130, 220, 500}) {
      EXPECT_NE(FaultOf(image.Bytes(size), target), "") << size;
    }
  }
}

TEST_F(LibraryFile, IsForThisSystemAndProcessor) {
  EXPECT_EQ(FaultOf(Elf(183), kLinux), "it is for arm64, and this process is x64");
  EXPECT_EQ(FaultOf(Elf(62), kLinuxArm), "it is for x64, and this process is arm64");
  EXPECT_EQ(FaultOf(Elf(40), kLinux), "it is for another processor, and this process is x64");
  EXPECT_EQ(FaultOf(MachO(0x01000007), kMac), "it is for x64, and this process is arm64");
  EXPECT_EQ(FaultOf(UniversalMachO(), kOldMac), "it is for arm64, and this process is x64");
  EXPECT_EQ(FaultOf(Pe(0xaa64), kWindows), "it is for arm64, and this process is x64");
  EXPECT_EQ(FaultOf(Pe(0x8664), kLinux), "it is a library for Windows");
  EXPECT_EQ(FaultOf(UniversalMachO(), kLinux), "it is a library for macOS");
  EXPECT_EQ(FaultOf(Elf(62), kWindows), "it is a library for Linux");
}

TEST_F(LibraryFile, IsALibrary) {
  EXPECT_EQ(FaultOf("", kLinux), "it is empty");
  EXPECT_EQ(FaultOf("version https://git-lfs.github.com/spec/v1\n", kLinux),
            "it is no shared library");
  EXPECT_EQ(FaultOf(Elf(62, 1), kLinux), "it is no shared library");
  EXPECT_EQ(FaultOf(Pe(0x8664, 0), kWindows), "it is no shared library");
  // A Java class of version 65.
  EXPECT_EQ(FaultOf(Image().Put(0, 0xbebafeca, 4).Put(7, 65, 1), kMac), "it is no shared library");
  EXPECT_EQ(CheckLibraryFile(testing::TempDir()).cause(), "it is a folder");
}

TEST_F(LibraryFile, MayNotBeThere) {
  // The system says so itself, and may know a library that has no file.
  EXPECT_TRUE(CheckLibraryFile(testing::TempDir() + "none.so").ok());
}

TEST_F(LibraryFile, NamesNothingAbsurd) {
  const uint64_t most = UINT64_MAX;
  EXPECT_NE(FaultOf(Elf(62).Put(72, most, 8).Put(96, most, 8), kLinux), "");
  EXPECT_NE(FaultOf(Elf(62).Put(32, most, 8).Put(56, 0xffff, 2), kLinux), "");
  // More commands than there are bytes.
  EXPECT_EQ(FaultOf(MachO(0x0100000c).Put(16, 0xffffffff, 4).Put(36, 0, 4), kMac), "");
  EXPECT_NE(FaultOf(Pe(0x8664).Put(0x3c, 0xffffffff, 4), kWindows), "");
}

TEST_F(LibraryFile, IsARealOneOfThisSystem) {
  for (const char* variable : {"ONLITE_TEST_ORT_LIBRARY", "ONLITE_TEST_TFLITE_LIBRARY"}) {
    const char* const path = std::getenv(variable);
    if (path == nullptr) GTEST_SKIP() << variable << " is not set";
    EXPECT_EQ(CheckLibraryFile(path).cause(), "");
    std::filesystem::copy_file(path, path_, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path_, std::filesystem::file_size(path) / 2);
    EXPECT_EQ(CheckLibraryFile(path_).cause().substr(0, 14), "it is cut off:");
  }
}

}  // namespace
}  // namespace onlite
