#pragma once

#include <string>
#include <utility>

namespace onlite {

/// The stable error codes of the public API (docs/architecture.md, Errors). `ErrorCodeName` gives
/// the string that JavaScript sees, e.g. "ERR_SHAPE_MISMATCH".
enum class ErrorCode {
  kOk,
  kRuntimeNotFound,
  kModelNotFound,
  kModelUnreadable,
  kModelInvalid,
  kInvalidArgument,
  kTypeMismatch,
  kShapeMismatch,
  kProviderUnavailable,
  kQueueFull,
  kTimeout,
  kCancelled,
  kBusy,
  kBufferDetached,
  kTensorDisposed,
  kPoolExhausted,
  kOutOfMemory,
  kSessionReleased,
  kUnsupported,
  kRunFailed,
};

const char* ErrorCodeName(ErrorCode code);

/// The outcome of an operation: OK, or a code, a message of ours and the
/// runtime's own words (`cause`, may be empty). Cheap to move; immutable.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message, std::string cause = {})
      : code_(code), message_(std::move(message)), cause_(std::move(cause)) {}

  static Status Ok() { return {}; }

  /// For where nothing may throw: has no words, which would need memory.
  static Status Wordless(ErrorCode code) noexcept {
    Status status;
    status.code_ = code;
    return status;
  }

  bool ok() const { return code_ == ErrorCode::kOk; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& cause() const { return cause_; }

 private:
  ErrorCode code_ = ErrorCode::kOk;
  std::string message_;
  std::string cause_;
};

/// Memory could not be had. Needs none itself.
inline Status OutOfMemory() noexcept { return Status::Wordless(ErrorCode::kOutOfMemory); }

}  // namespace onlite

/// Returns from the enclosing function when `expression` is not OK.
#define ONLITE_RETURN_IF_ERROR(expression)                                    \
  do {                                                                        \
    if (::onlite::Status onlite_status = (expression); !onlite_status.ok()) { \
      return onlite_status;                                                   \
    }                                                                         \
  } while (false)
