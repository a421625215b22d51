#include "runtimes/tflite/model/model.h"

#include <cstring>
#include <utility>

#include "core/aligned_buffer.h"
#include "runtimes/tflite/model/verifier.h"
#include "runtimes/tflite/model/weight_support.h"

namespace onlite::tflite {
namespace {

/// The file format aligns constants to 16 bytes from the file's beginning, and
/// kernels count on it.
constexpr size_t kModelAlignment = 16;

Status Align(SharedBytes* bytes) {
  if (reinterpret_cast<uintptr_t>(bytes->data) % kModelAlignment == 0) return Status::Ok();
  std::shared_ptr<uint8_t[]> copy(AllocateAligned(bytes->size));
  if (copy == nullptr) return {ErrorCode::kModelInvalid, "not enough memory for the model"};
  std::memcpy(copy.get(), bytes->data, bytes->size);
  *bytes = {copy, static_cast<const uint8_t*>(copy.get()), bytes->size};
  return Status::Ok();
}

}  // namespace

Status Model::Create(const Library& library, const SharedBytes& bytes, bool resize_inputs,
                     std::unique_ptr<Model>* model) {
  const Api& api = library.api();
  std::unique_ptr<Model> created(new Model(library));
  created->bytes_ = bytes;
  created->resize_inputs_ = resize_inputs;
  ONLITE_RETURN_IF_ERROR(Align(&created->bytes_));
  const std::span<const uint8_t> file(created->bytes_.data, created->bytes_.size);
  ONLITE_RETURN_IF_ERROR(VerifyModel(file));
  ONLITE_RETURN_IF_ERROR(CheckWeightSupport(file, library.version(), &created->only_delegate_));
  created->info_ = ReadModelInfo(file, resize_inputs);
  TfLiteModel* handle = api.ModelCreateWithErrorReporter != nullptr
                            ? api.ModelCreateWithErrorReporter(file.data(), file.size(),
                                                               &ErrorLog::Report, &created->log_)
                            : api.ModelCreate(file.data(), file.size());
  created->handle_ = ModelHandle(handle, {&api});
  if (handle == nullptr) {
    return {ErrorCode::kModelInvalid, "TensorFlow Lite refuses the model", created->log_.Take()};
  }
  *model = std::move(created);
  return Status::Ok();
}

}  // namespace onlite::tflite
