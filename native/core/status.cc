#include "core/status.h"

namespace onlite {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return "OK";
    case ErrorCode::kRuntimeNotFound: return "ERR_RUNTIME_NOT_FOUND";
    case ErrorCode::kModelNotFound: return "ERR_MODEL_NOT_FOUND";
    case ErrorCode::kModelUnreadable: return "ERR_MODEL_UNREADABLE";
    case ErrorCode::kModelInvalid: return "ERR_MODEL_INVALID";
    case ErrorCode::kInvalidArgument: return "ERR_INVALID_ARGUMENT";
    case ErrorCode::kTypeMismatch: return "ERR_TYPE_MISMATCH";
    case ErrorCode::kShapeMismatch: return "ERR_SHAPE_MISMATCH";
    case ErrorCode::kProviderUnavailable: return "ERR_PROVIDER_UNAVAILABLE";
    case ErrorCode::kQueueFull: return "ERR_QUEUE_FULL";
    case ErrorCode::kTimeout: return "ERR_TIMEOUT";
    case ErrorCode::kCancelled: return "ERR_CANCELLED";
    case ErrorCode::kBusy: return "ERR_BUSY";
    case ErrorCode::kBufferDetached: return "ERR_BUFFER_DETACHED";
    case ErrorCode::kTensorDisposed: return "ERR_TENSOR_DISPOSED";
    case ErrorCode::kPoolExhausted: return "ERR_POOL_EXHAUSTED";
    case ErrorCode::kOutOfMemory: return "ERR_OUT_OF_MEMORY";
    case ErrorCode::kSessionReleased: return "ERR_SESSION_RELEASED";
    case ErrorCode::kUnsupported: return "ERR_UNSUPPORTED";
    case ErrorCode::kRunFailed: return "ERR_RUN_FAILED";
  }
  return "ERR_RUN_FAILED";
}

}  // namespace onlite
