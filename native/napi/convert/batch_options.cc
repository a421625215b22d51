#include "napi/convert/batch_options.h"

#include <algorithm>
#include <chrono>

#include "napi/convert/object_reader.h"

namespace onlite {

BatchOptions ReadBatchOptions(Napi::Env env, const Napi::Value& value) {
  const ObjectReader reader(env, value, "options.batching");
  BatchOptions options;
  const int max_rows = reader.Int("maxBatchSize", 0);
  if (max_rows < 1) reader.Refuse("maxBatchSize", "a positive integer");
  options.max_rows = static_cast<size_t>(max_rows);
  const Napi::Value delay = reader.Get("maxDelayMs");
  const double milliseconds = delay.IsNumber() ? delay.As<Napi::Number>().DoubleValue() : -1;
  if (!(milliseconds >= 0 && milliseconds <= 1e9)) {
    reader.Refuse("maxDelayMs", "a number of milliseconds");
  }
  options.max_delay = std::chrono::nanoseconds(static_cast<int64_t>(milliseconds * 1e6));
  for (const Napi::Value& item : reader.Array("allowedSizes")) {
    const int64_t size = item.IsNumber() ? item.As<Napi::Number>().Int64Value() : 0;
    if (size < 1 || size > max_rows) {
      reader.Refuse("allowedSizes", "integers from 1 to maxBatchSize");
    }
    options.allowed_sizes.push_back(static_cast<size_t>(size));
  }
  std::sort(options.allowed_sizes.begin(), options.allowed_sizes.end());
  return options;
}

}  // namespace onlite
