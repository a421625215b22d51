#include "napi/run/bound_memory.h"

#include <cstring>
#include <string>
#include <utility>

#include "napi/convert/errors.h"

namespace onlite {
BoundMemory::BoundMemory(Napi::Env env, TensorArgument argument, napi_value array)
    : argument_(std::move(argument)) {
  if (MayBeDetached(argument_)) array_ = Napi::Persistent(Napi::Object(env, array));
}

bool BoundMemory::IsAlwaysInPlace() const { return onlite::IsAlwaysInPlace(argument_); }

bool BoundMemory::IsCopied(bool asynchronous) const {
  return MustCopy(argument_, asynchronous ? FeedPolicy::kAsynchronous : FeedPolicy::kSynchronous);
}

void BoundMemory::Exchange(BoundMemory* other) {
  std::swap(argument_, other->argument_);
  std::swap(array_, other->array_);
}

Status BoundMemory::ViewFor(bool asynchronous, TensorView* view) {
  *view = argument_.view;
  if (!IsCopied(asynchronous)) return Status::Ok();
  if (!copy_) copy_ = AllocateAligned(argument_.view.byte_length + kReadBeyond);
  if (!copy_) {
    return {ErrorCode::kOutOfMemory, "out of memory: cannot copy " +
                                         std::to_string(argument_.view.byte_length) +
                                         " bytes of a bound tensor"};
  }
  view->data = copy_.get();
  view->readable_beyond = kReadBeyond;
  return Status::Ok();
}

Status BoundMemory::CheckAttached(Napi::Env env, const char* list, const std::string& name) const {
  if (array_.IsEmpty()) return Status::Ok();
  void* data = nullptr;
  const size_t bytes = TypedArrayBytes(env, array_.Value(), &data);
  // An empty tensor has no memory to lose.
  if (argument_.view.byte_length == 0) return Status::Ok();
  if (data == argument_.view.data && bytes >= argument_.view.byte_length) return Status::Ok();
  return {ErrorCode::kBufferDetached,
          std::string(list) + "." + name + ": the bound buffer was detached or resized"};
}

void BoundMemory::CopyIn() {
  if (argument_.view.byte_length == 0) return;
  std::memcpy(copy_.get(), argument_.view.data, argument_.view.byte_length);
}

void BoundMemory::CopyOut() {
  if (argument_.view.byte_length == 0) return;
  std::memcpy(argument_.view.data, copy_.get(), argument_.view.byte_length);
}

}  // namespace onlite
