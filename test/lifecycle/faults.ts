import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Preloaded into a process it makes the addon's own allocations, or its starts of threads, fail: a
 * file of three 64-bit integers says which (1, 2, 0 none) and after how many, and counts those
 * that did. What Node and the runtimes do themselves is left alone.
 */
const source = `
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <new>

namespace {

constexpr int64_t kAllocations = 1;
constexpr int64_t kThreads = 2;

struct Control {
  int64_t mode;
  int64_t left;
  int64_t failed;
};
Control* control = nullptr;
thread_local bool inside = false;

__attribute__((constructor)) void Open() {
  void* frame = nullptr;
  backtrace(&frame, 1);
  const char* name = getenv("ONLITE_FAULTS");
  const int file = name == nullptr ? -1 : open(name, O_RDWR);
  if (file < 0) return;
  void* memory = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) control = static_cast<Control*>(memory);
  close(file);
}

/// The innermost frame that is not the C++ library's, or ours, is the addon's.
bool IsAddons() {
  void* frames[12];
  const int count = backtrace(frames, 12);
  for (int at = 0; at < count; ++at) {
    Dl_info info;
    if (dladdr(frames[at], &info) == 0 || info.dli_fname == nullptr) return false;
    if (strstr(info.dli_fname, "libstdc++") != nullptr) continue;
    if (strstr(info.dli_fname, "faults.so") != nullptr) continue;
    return strstr(info.dli_fname, "onlite.node") != nullptr;
  }
  return false;
}

bool Fails(int64_t mode) {
  if (control == nullptr || inside || __atomic_load_n(&control->mode, __ATOMIC_RELAXED) != mode) {
    return false;
  }
  inside = true;
  const int64_t left =
      IsAddons() ? __atomic_sub_fetch(&control->left, 1, __ATOMIC_RELAXED) : INT64_MAX;
  inside = false;
  // One allocation fails, and every thread.
  const bool fails = mode == kAllocations ? left == -1 : left < 0;
  if (fails) __atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
  return fails;
}

void* Allocate(size_t bytes) {
  void* memory = Fails(kAllocations) ? nullptr : malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return Allocate(bytes); }
void* operator new[](size_t bytes) { return Allocate(bytes); }

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  if (Fails(kThreads)) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}
`;

/** Whether such a library can be made and preloaded here. */
export const hasFaults =
  process.platform === 'linux' &&
  process.env['ONLITE_SANITIZER'] === undefined &&
  spawnSync('c++', ['--version']).status === 0;

/** Compiles the library in the folder; what to add to a child's environment. */
export function buildFaults(folder: string): NodeJS.ProcessEnv {
  const library = path.join(folder, 'faults.so');
  const file = path.join(folder, 'faults.cc');
  const control = path.join(folder, 'faults');
  writeFileSync(file, source);
  writeFileSync(control, Buffer.alloc(24));
  const args = ['-std=c++17', '-O1', '-shared', '-fPIC', '-o', library, file, '-ldl'];
  execFileSync('c++', args, { stdio: 'inherit' });
  return { LD_PRELOAD: library, ONLITE_FAULTS: control };
}
