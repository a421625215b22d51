/// Preloaded into a process: counts the allocations that one module asks for.
/// The process says which module, and reads the count, through the file that
/// ONLITE_ALLOCATION_COUNTER names: three 64-bit numbers, the module's first
/// address, its end and the count. An allocation is the module's if malloc or
/// operator new was called from its code; one that its code has a library make
/// (a growing std::string, say) is not seen.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

// glibc's own names for what this file replaces.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* pointer, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming)

namespace {

struct Shared {
  std::atomic<uint64_t> begin;
  std::atomic<uint64_t> end;
  std::atomic<uint64_t> count;
};

Shared nowhere{};
std::atomic<Shared*> shared{&nowhere};

__attribute__((constructor)) void Map() {
  const char* path = std::getenv("ONLITE_ALLOCATION_COUNTER");
  if (path == nullptr) return;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory != MAP_FAILED) shared = static_cast<Shared*>(memory);
}

void Count(const void* caller) {
  Shared* counter = shared.load(std::memory_order_relaxed);
  const auto address = reinterpret_cast<uint64_t>(caller);
  if (address >= counter->begin.load(std::memory_order_relaxed) &&
      address < counter->end.load(std::memory_order_relaxed)) {
    counter->count.fetch_add(1, std::memory_order_relaxed);
  }
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#define ONLITE_COUNT() Count(__builtin_return_address(0))

extern "C" {
__attribute__((visibility("default"))) void* malloc(size_t bytes) noexcept {
  ONLITE_COUNT();
  return __libc_malloc(bytes);
}
__attribute__((visibility("default"))) void* calloc(size_t count, size_t bytes) noexcept {
  ONLITE_COUNT();
  return __libc_calloc(count, bytes);
}
__attribute__((visibility("default"))) void* realloc(void* pointer, size_t bytes) noexcept {
  ONLITE_COUNT();
  return __libc_realloc(pointer, bytes);
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment,
                                                           size_t bytes) noexcept {
  ONLITE_COUNT();
  return __libc_memalign(alignment, bytes);
}
}

void* operator new(size_t bytes) {
  ONLITE_COUNT();
  return OrThrow(__libc_malloc(bytes));
}
void* operator new[](size_t bytes) {
  ONLITE_COUNT();
  return OrThrow(__libc_malloc(bytes));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ONLITE_COUNT();
  return __libc_malloc(bytes);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  ONLITE_COUNT();
  return __libc_malloc(bytes);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  ONLITE_COUNT();
  return OrThrow(__libc_memalign(static_cast<size_t>(alignment), bytes));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  ONLITE_COUNT();
  return OrThrow(__libc_memalign(static_cast<size_t>(alignment), bytes));
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  ONLITE_COUNT();
  return __libc_memalign(static_cast<size_t>(alignment), bytes);
}
void operator delete(void* pointer) noexcept { free(pointer); }
void operator delete[](void* pointer) noexcept { free(pointer); }
void operator delete(void* pointer, size_t) noexcept { free(pointer); }
void operator delete[](void* pointer, size_t) noexcept { free(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { free(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { free(pointer); }
