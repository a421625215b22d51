#include "napi/process/server_socket.h"

#include <cstdint>
#include <string>

#include "napi/convert/errors.h"

#if !defined(_WIN32)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#endif

namespace onlite {

#if defined(_WIN32)

Napi::Value OpenServerSocket(const Napi::CallbackInfo& info) {
  ThrowStatus(info.Env(), {ErrorCode::kUnsupported,
                           "openServerSocket: Node listens on no descriptor on Windows"});
}

#else

namespace {

/// Several sockets that listen on one address have its connections spread over them.
#if defined(SO_REUSEPORT_LB)
constexpr int kReusePort = SO_REUSEPORT_LB;
#elif defined(__linux__) && defined(SO_REUSEPORT)
constexpr int kReusePort = SO_REUSEPORT;
#else
// Elsewhere, as on macOS, the option has another meaning: one of them has every connection.
constexpr int kReusePort = -1;
#endif

struct Failure {
  int error = 0;
  const char* call = "";
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int OpenSocket(int family) {
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
  const int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
#endif
}

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/// How a server's socket is opened.
struct Settings {
  std::string address;
  uint16_t port = 0;
  bool ipv6_only = false;
  bool reuse_port = false;
};

bool SetOptions(int fd, int family, const Settings& settings) {
  if (settings.reuse_port) {
    if (kReusePort < 0) errno = ENOTSUP;
    if (kReusePort < 0 || !SetOption(fd, SOL_SOCKET, kReusePort, 1)) return false;
  }
  // As Node does: connections of an earlier server may still be closing.
  if (!SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return false;
  return family != AF_INET6 || SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, settings.ipv6_only ? 1 : 0);
}

/// A bound socket's descriptor, and the address that it has; -1 and what has failed.
int Open(const Settings& settings, sockaddr_storage* bound, Failure* failure) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  // Nothing is looked up, which would take its time.
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(settings.address.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) {
    *failure = {EINVAL, "getaddrinfo"};
    return -1;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  sockaddr_storage address = {};
  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  const uint16_t port = htons(settings.port);
  if (found->ai_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address)->sin6_port = port;
  } else {
    reinterpret_cast<sockaddr_in*>(&address)->sin_port = port;
  }
  Descriptor socket(OpenSocket(found->ai_family));
  const auto fail = [&](const char* call) {
    *failure = {errno, call};
    return -1;
  };
  if (socket.get() < 0) return fail("socket");
  if (!SetOptions(socket.get(), found->ai_family, settings)) return fail("setsockopt");
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), found->ai_addrlen) != 0) {
    return fail("bind");
  }
  socklen_t length = sizeof *bound;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(bound), &length) != 0) {
    return fail("getsockname");
  }
  return socket.Release();
}

}  // namespace

Napi::Value OpenServerSocket(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsNumber()) {
    ThrowInvalidArgument(env, "openServerSocket: expected an address and a port");
  }
  const Settings settings{
      .address = info[0].As<Napi::String>().Utf8Value(),
      .port = static_cast<uint16_t>(info[1].As<Napi::Number>().Uint32Value()),
      .ipv6_only = info[2].ToBoolean(),
      .reuse_port = info[3].ToBoolean(),
  };
  sockaddr_storage bound = {};
  Failure failure;
  Descriptor socket(Open(settings, &bound, &failure));
  Napi::Array result = Napi::Array::New(env);
  if (socket.get() < 0) {
    result.Set(0U, Napi::Number::New(env, -failure.error));
    result.Set(1U, Napi::String::New(env, failure.call));
    return result;
  }
  std::array<char, INET6_ADDRSTRLEN> text = {};
  uint16_t port = 0;
  if (bound.ss_family == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(&bound);
    inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size());
    port = ntohs(address->sin6_port);
  } else {
    const auto* address = reinterpret_cast<const sockaddr_in*>(&bound);
    inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    port = ntohs(address->sin_port);
  }
  result.Set(1U, Napi::Number::New(env, port));
  result.Set(2U, Napi::String::New(env, text.data()));
  result.Set(0U, Napi::Number::New(env, socket.get()));
  static_cast<void>(socket.Release());
  return result;
}

#endif

}  // namespace onlite
