#include "napi/convert/raw_method.h"

namespace onlite {

napi_value CallSafely(napi_env env, napi_callback_info info, AddonFunction function) {
  return CallSafely(env, [&]() -> napi_value { return function(Napi::CallbackInfo(env, info)); });
}

}  // namespace onlite
