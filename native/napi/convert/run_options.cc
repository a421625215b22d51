#include "napi/convert/run_options.h"

#include "napi/convert/object_reader.h"

namespace onlite {

void ReadRunOptions(Napi::Env env, const Napi::Value& value, RunArguments* arguments) {
  if (value.IsUndefined()) return;
  const ObjectReader options(env, value, "options");
  const int signature = options.Int("signature", 0);
  if (signature < 0) options.Refuse("signature", "a non-negative index");
  RunRequest* request = &arguments->request;
  request->signature = static_cast<size_t>(signature);
  request->options.log_severity = options.Int("logSeverityLevel", -1);
  request->options.log_verbosity = options.Int("logVerbosityLevel", -1);
  arguments->is_warm_up = options.Bool("warmUp");
  request->options.tag = options.String("tag");
  request->options.profile_prefix = options.String("profilePrefix");
  request->options.config_entries = options.StringPairs("configEntries");
}

}  // namespace onlite
