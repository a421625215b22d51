#include "runtimes/tflite/xnnpack/delegate.h"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace onlite::tflite {
namespace {

constexpr uint32_t kQuantizedSigned = 1;    // QS8
constexpr uint32_t kQuantizedUnsigned = 2;  // QU8

/// Offsets in TfLiteXNNPackDelegateOptions. The struct is in no C header and
/// changes between versions, so only what was checked by behaviour is here.
/// num_threads is at 0 in all.
struct Layout {
  std::optional<size_t> flags;
  std::optional<size_t> weights_cache;
  /// What weights_cache points to is a WeightsProvider.
  bool provider = false;
};

struct Version {
  int major = 0;
  int minor = 0;
};

Version Parse(const std::string& text) {
  Version version;
  const char* const end = text.data() + text.size();
  const char* const dot = std::from_chars(text.data(), end, version.major).ptr;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, version.minor);
  return version;
}

bool Is29(const Library& library) {
  const Version version = Parse(library.version());
  return version.major == 2 && version.minor == 9;
}

/// Between 2.10 and 2.12 the struct grew past what a register holds; which of
/// them returns it how was not looked at.
bool ReturnsThroughMemory(const Library& library) {
  const Version version = Parse(library.version());
  return version.major > 2 || (version.major == 2 && version.minor >= 13);
}

Layout LayoutOf(const Library& library) {
  if (Is29(library)) return {4, std::nullopt, false};
  if (library.version() == "2.17.1") return {4, 8, true};
  if (library.version().starts_with("2.20.")) return {8, 16, false};
  return {};
}

template <typename T>
void Store(XnnpackOptions* options, size_t offset, T value) {
  // NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer itself is stored, for a pointer T
  std::memcpy(options->bytes + offset, &value, sizeof(value));
}

XnnpackOptions Defaults(const Library& library) {
  const Api& api = library.api();
  if (!Is29(library)) return api.XNNPackDelegateOptionsDefault();
  XnnpackOptions options{};
  const XnnpackOptions29 defaults = api.XNNPackDelegateOptionsDefault29();
  std::memcpy(options.bytes, &defaults, sizeof(defaults));
  return options;
}

}  // namespace

bool CanUseXnnpack(const Library& library) {
  return library.api().has_xnnpack() && (Is29(library) || ReturnsThroughMemory(library));
}

bool CanShareWeights(const Library& library) {
  return CanUseXnnpack(library) && library.api().has_weights_cache() &&
         LayoutOf(library).weights_cache.has_value();
}

bool CanProvideWeights(const Library& library) {
  return CanShareWeights(library) && LayoutOf(library).provider;
}

Status CreateXnnpackDelegate(const Library& library, int threads,
                             TfLiteXNNPackDelegateWeightsCache* cache,
                             XnnpackDelegateHandle* delegate) {
  const Api& api = library.api();
  const Layout layout = LayoutOf(library);
  XnnpackOptions options = Defaults(library);
  Store<int32_t>(&options, 0, threads);
  if (layout.flags) {
    uint32_t flags = 0;
    std::memcpy(&flags, options.bytes + *layout.flags, sizeof(flags));
    Store(&options, *layout.flags, flags | kQuantizedSigned | kQuantizedUnsigned);
  }
  if (cache != nullptr && layout.weights_cache) Store(&options, *layout.weights_cache, cache);
  *delegate = XnnpackDelegateHandle(api.XNNPackDelegateCreate(&options), {&api});
  if (*delegate != nullptr) return Status::Ok();
  return {ErrorCode::kProviderUnavailable, "xnnpack: the delegate could not be created"};
}

}  // namespace onlite::tflite
