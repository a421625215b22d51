#pragma once

#include <cstddef>
#include <cstdint>

#include "runtimes/ort/api_functions.h"
#include "runtimes/ort/api_types.h"

namespace onlite::ort {

/// The newest API version our declarations were compared with.
inline constexpr uint32_t kNewestApiVersion = 29;
/// The first API version that has every function of ONLITE_ORT_FUNCTIONS.
inline constexpr uint32_t kMinimumApiVersion = 18;

/// What the exported function `OrtGetApiBase` returns.
struct ApiBase {
  /// The table of function pointers, or null for a version that is too new.
  const void*(ONLITE_ORT_CALL* GetApi)(uint32_t version);
  const char*(ONLITE_ORT_CALL* GetVersionString)();
};

using GetApiBaseFunction = const ApiBase* ONLITE_ORT_CALL();

/// The used functions, copied out of the vendor's table into typed members of
/// the vendor's names. A non-null OrtStatus* result is an error that the caller
/// must release (status.h).
struct Api {
#define ONLITE_ORT_MEMBER(slot, result, name, parameters) \
  result(ONLITE_ORT_CALL* name) parameters = nullptr;
  ONLITE_ORT_FUNCTIONS(ONLITE_ORT_MEMBER)
#undef ONLITE_ORT_MEMBER
#define ONLITE_ORT_OPTIONAL_MEMBER(slot, since, result, name, parameters) \
  result(ONLITE_ORT_CALL* name) parameters = nullptr;
  ONLITE_ORT_OPTIONAL_FUNCTIONS(ONLITE_ORT_OPTIONAL_MEMBER)
#undef ONLITE_ORT_OPTIONAL_MEMBER

  /// `table` is the one of API version `version`, at least kMinimumApiVersion:
  /// it ends after that version's functions.
  static Api FromTable(const void* table, uint32_t version) {
    const auto* slots = static_cast<void* const*>(table);
    Api api;
#define ONLITE_ORT_COPY(slot, result, name, parameters) \
  api.name = reinterpret_cast<result(ONLITE_ORT_CALL*) parameters>(slots[slot]);
    ONLITE_ORT_FUNCTIONS(ONLITE_ORT_COPY)
#undef ONLITE_ORT_COPY
#define ONLITE_ORT_COPY_OPTIONAL(slot, since, result, name, parameters) \
  if (version >= (since))                                               \
    api.name = reinterpret_cast<result(ONLITE_ORT_CALL*) parameters>(slots[slot]);
    ONLITE_ORT_OPTIONAL_FUNCTIONS(ONLITE_ORT_COPY_OPTIONAL)
#undef ONLITE_ORT_COPY_OPTIONAL
    return api;
  }
};

}  // namespace onlite::ort
