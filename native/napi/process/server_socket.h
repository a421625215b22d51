#pragma once

#include <napi.h>

namespace onlite {

/// openServerSocket(address, port, ipv6Only, reusePort): [descriptor, port, address] of a TCP
/// socket that is bound to the address, in digits, and does not listen yet; or [-errno, name of
/// the system call] of what has failed. The descriptor does not block and is closed when another
/// program is executed. See NativeAddon of lib/engine/addon/native.ts.
Napi::Value OpenServerSocket(const Napi::CallbackInfo& info);

}  // namespace onlite
