#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/library.h"

namespace onlite::tflite {

/// Custom operators that XNNPACK runs and the built-in kernels do not know: an
/// interpreter without the delegate cannot allocate a model with one. A stand-in
/// only says which shape comes out, and refuses what the delegate would, so that
/// everything around the operator is checked as in any model. It is never
/// invoked.
class StandIns {
 public:
  /// Whether XNNPACK of this library runs the operator and it can be stood in for.
  static bool Has(const Library& library, std::string_view name);

  /// For operators that Has says yes to; null if they cannot be made.
  static std::unique_ptr<StandIns> Create(const Library& library,
                                          const std::set<std::string>& names);

  /// Outlives interpreters that are made with the options.
  void AddTo(TfLiteInterpreterOptions* options) const;

 private:
  explicit StandIns(const Api& api) : api_(api) {}

  const Api& api_;
  std::set<std::string> names_;
  std::vector<OperatorHandle> operators_;
};

}  // namespace onlite::tflite
