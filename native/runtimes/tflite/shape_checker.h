#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/tflite/model.h"
#include "runtimes/tflite/tensors.h"

namespace onlite::tflite {

/// Decides whether a model can run with given input shapes before an
/// interpreter that matters is touched. A fresh interpreter without a delegate
/// allocates for them, because the built-in kernels check what XNNPACK does not.
/// Shapes are also refused under which a tensor that the model declares to have
/// elements has none left (a window longer than the signal): kernels divide by
/// such dims. A feed that is itself empty is exempt from that. And shapes
/// with which a tensor would be too large, or of another size than its variable.
///
/// What cannot be seen: dims that are known only while a model runs, inner
/// tensors of subgraphs other than the primary, and, with libraries that cannot
/// name tensors by index (2.9), all inner tensors.
///
/// Thread-safe. Remembers the latest verdicts.
class ShapeChecker {
 public:
  explicit ShapeChecker(const Model& model) : model_(model) {}

  /// `shapes` has one entry for every input of the entry point. kShapeMismatch.
  Status Check(size_t entry, Feeds feeds);

 private:
  using Key = std::pair<size_t, std::vector<Dims>>;

  Status Try(size_t entry, Feeds feeds) const;

  const Model& model_;
  std::mutex mutex_;
  std::map<Key, Status> verdicts_;
};

}  // namespace onlite::tflite
