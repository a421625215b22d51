#include "napi/convert/raw_method.h"

namespace onlite {

napi_value CallSafely(napi_env env, napi_callback_info info, AddonFunction function) {
  return CallSafely(env, [&]() -> napi_value {
#ifdef __clang_analyzer__
    // It takes the constructor of CallbackInfo for a leak where Node-API fails in its middle.
    (void)info;
    (void)function;
    return nullptr;
#else
    return function(Napi::CallbackInfo(env, info));
#endif
  });
}

}  // namespace onlite
