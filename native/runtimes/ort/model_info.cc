#include "runtimes/ort/model_info.h"

#include <limits>
#include <set>
#include <string>

#include "runtimes/ort/element_type.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

Status Read(OrtStatus* status) {
  return Check(status, Stage::kCreate, "the model's description cannot be read");
}

Status ReadTensor(const OrtTypeInfo* type, ValueInfo* info) {
  const Api& api = Functions();
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  ONLITE_RETURN_IF_ERROR(Read(api.CastTypeInfoToTensorInfo(type, &tensor)));
  if (tensor == nullptr) return Status::Ok();
  OnnxElementType element = kOnnxUndefined;
  ONLITE_RETURN_IF_ERROR(Read(api.GetTensorElementType(tensor, &element)));
  size_t rank = 0;
  ONLITE_RETURN_IF_ERROR(Read(api.GetDimensionsCount(tensor, &rank)));
  info->type = FromOnnx(element);
  info->dims.resize(rank);
  ONLITE_RETURN_IF_ERROR(Read(api.GetDimensions(tensor, info->dims.data(), rank)));
  std::vector<const char*> symbols(rank, nullptr);
  ONLITE_RETURN_IF_ERROR(Read(api.GetSymbolicDimensions(tensor, symbols.data(), rank)));
  for (const char* symbol : symbols) info->symbols.emplace_back(symbol != nullptr ? symbol : "");
  for (int64_t& dim : info->dims) {
    if (dim < 0) dim = -1;
  }
  return Status::Ok();
}

/// Leaves `item_type` as it is for a sequence of what is no tensor.
Status ReadItemType(const OrtTypeInfo* type, ElementType* item_type) {
  const Api& api = Functions();
  const OrtSequenceTypeInfo* sequence = nullptr;
  ONLITE_RETURN_IF_ERROR(Read(api.CastTypeInfoToSequenceTypeInfo(type, &sequence)));
  if (sequence == nullptr) return Status::Ok();
  OrtTypeInfo* item = nullptr;
  ONLITE_RETURN_IF_ERROR(Read(api.GetSequenceElementType(sequence, &item)));
  const TypeInfoHandle owned(item);
  OnnxType kind = kOnnxTypeUnknown;
  ONLITE_RETURN_IF_ERROR(Read(api.GetOnnxTypeFromTypeInfo(item, &kind)));
  if (kind != kOnnxTypeTensor) return Status::Ok();
  ValueInfo info;
  ONLITE_RETURN_IF_ERROR(ReadTensor(item, &info));
  *item_type = info.type;
  return Status::Ok();
}

Status ReadType(const OrtTypeInfo* type, ValueInfo* info) {
  const Api& api = Functions();
  OnnxType kind = kOnnxTypeUnknown;
  ONLITE_RETURN_IF_ERROR(Read(api.GetOnnxTypeFromTypeInfo(type, &kind)));
  switch (kind) {
    case kOnnxTypeTensor: info->kind = ValueInfo::Kind::kTensor; return ReadTensor(type, info);
    case kOnnxTypeSequence:
      info->kind = ValueInfo::Kind::kSequence;
      return ReadItemType(type, &info->item_type);
    case kOnnxTypeMap: info->kind = ValueInfo::Kind::kMap; return Status::Ok();
    case kOnnxTypeOptional: {
      info->optional = true;
      const OrtOptionalTypeInfo* optional = nullptr;
      ONLITE_RETURN_IF_ERROR(Read(api.CastTypeInfoToOptionalTypeInfo(type, &optional)));
      OrtTypeInfo* contained = nullptr;
      ONLITE_RETURN_IF_ERROR(Read(api.GetOptionalContainedTypeInfo(optional, &contained)));
      const TypeInfoHandle owned(contained);
      return ReadType(contained, info);
    }
    default: info->kind = ValueInfo::Kind::kOther; return Status::Ok();
  }
}

using CountFunction = OrtStatus*(ONLITE_ORT_CALL*)(const OrtSession*, size_t*);
using NameFunction = OrtStatus*(ONLITE_ORT_CALL*)(const OrtSession*, size_t, OrtAllocator*, char**);
using TypeFunction = OrtStatus*(ONLITE_ORT_CALL*)(const OrtSession*, size_t, OrtTypeInfo**);

Status ReadValues(const OrtSession* session, const ModelScan& scan, CountFunction get_count,
                  NameFunction get_name, TypeFunction get_type, std::vector<ValueInfo>* values) {
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  size_t count = 0;
  ONLITE_RETURN_IF_ERROR(Read(get_count(session, &count)));
  std::set<std::string> names;
  for (size_t index = 0; index < count; ++index) {
    ValueInfo info;
    char* name = nullptr;
    ONLITE_RETURN_IF_ERROR(Read(get_name(session, index, allocator, &name)));
    info.name = TakeString(name);
    // A graph may list an output twice: it is one value, which the runtime knows by one name.
    if (!names.insert(info.name).second) continue;
    OrtTypeInfo* type = nullptr;
    ONLITE_RETURN_IF_ERROR(Read(get_type(session, index, &type)));
    const TypeInfoHandle owned(type);
    ONLITE_RETURN_IF_ERROR(ReadType(type, &info));
    // The C API shows a tensor without a shape as a scalar.
    info.unknown_rank = info.kind == ValueInfo::Kind::kTensor && info.dims.empty() &&
                        scan.unknown_rank.contains(info.name);
    values->push_back(std::move(info));
  }
  return Status::Ok();
}

}  // namespace

Status DefaultAllocator(OrtAllocator** allocator) {
  return Read(Functions().GetAllocatorWithDefaultOptions(allocator));
}

std::string TakeString(char* allocated) {
  if (allocated == nullptr) return {};
  std::string text(allocated);
  OrtAllocator* allocator = nullptr;
  if (DefaultAllocator(&allocator).ok()) {
    static_cast<void>(Read(Functions().AllocatorFree(allocator, allocated)));
  }
  return text;
}

Status ReadSignature(const OrtSession* session, const ModelScan& scan, SignatureInfo* signature) {
  const Api& api = Functions();
  ONLITE_RETURN_IF_ERROR(ReadValues(session, scan, api.SessionGetInputCount,
                                    api.SessionGetInputName, api.SessionGetInputTypeInfo,
                                    &signature->inputs));
  const size_t proper_inputs = signature->inputs.size();
  ONLITE_RETURN_IF_ERROR(ReadValues(session, scan, api.SessionGetOverridableInitializerCount,
                                    api.SessionGetOverridableInitializerName,
                                    api.SessionGetOverridableInitializerTypeInfo,
                                    &signature->inputs));
  for (size_t index = proper_inputs; index < signature->inputs.size(); ++index) {
    signature->inputs[index].optional = true;
    signature->inputs[index].overridable_initializer = true;
  }
  return ReadValues(session, scan, api.SessionGetOutputCount, api.SessionGetOutputName,
                    api.SessionGetOutputTypeInfo, &signature->outputs);
}

Status ReadMetadata(const OrtSession* session, ModelMetadata* metadata) {
  const Api& api = Functions();
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  OrtModelMetadata* model = nullptr;
  ONLITE_RETURN_IF_ERROR(Read(api.SessionGetModelMetadata(session, &model)));
  const ModelMetadataHandle owned(model);

  const auto read_text = [&](auto function, std::string* text) {
    char* allocated = nullptr;
    ONLITE_RETURN_IF_ERROR(Read(function(model, allocator, &allocated)));
    *text = TakeString(allocated);
    return Status::Ok();
  };
  ONLITE_RETURN_IF_ERROR(read_text(api.ModelMetadataGetProducerName, &metadata->producer));
  ONLITE_RETURN_IF_ERROR(read_text(api.ModelMetadataGetGraphName, &metadata->graph_name));
  ONLITE_RETURN_IF_ERROR(read_text(api.ModelMetadataGetDomain, &metadata->domain));
  ONLITE_RETURN_IF_ERROR(read_text(api.ModelMetadataGetDescription, &metadata->description));
  ONLITE_RETURN_IF_ERROR(Read(api.ModelMetadataGetVersion(model, &metadata->version)));
  // ONNX Runtime's value for a model that has none.
  if (metadata->version == std::numeric_limits<int64_t>::max()) metadata->version = 0;

  char** keys = nullptr;
  int64_t count = 0;
  ONLITE_RETURN_IF_ERROR(
      Read(api.ModelMetadataGetCustomMetadataMapKeys(model, allocator, &keys, &count)));
  Status status;
  for (int64_t index = 0; index < count; ++index) {
    const std::string key = TakeString(keys[index]);
    char* value = nullptr;
    if (status.ok()) {
      status =
          Read(api.ModelMetadataLookupCustomMetadataMap(model, allocator, key.c_str(), &value));
    }
    metadata->custom[key] = TakeString(value);
  }
  if (keys != nullptr) static_cast<void>(Read(api.AllocatorFree(allocator, keys)));
  return status;
}

}  // namespace onlite::ort
