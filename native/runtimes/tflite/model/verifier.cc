#include "runtimes/tflite/model/verifier.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/tflite/model/call_graph.h"
#include "runtimes/tflite/model/flatbuffer.h"
#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/model/subgraph_verifier.h"
#include "runtimes/tflite/model/variable_verifier.h"

namespace onlite::tflite {
namespace {

using Scope = FlatBuffer::Scope;

ModelFacts::Buffers VerifyBuffers(FlatBuffer* file, const FlatTable& model) {
  ModelFacts::Buffers verified;
  const FlatTables buffers = model.Tables(schema::Model::kBuffers);
  if (!buffers.present()) file->Fail("buffers: missing");
  if (!file->Spend(buffers.size())) return verified;
  verified.reserve(buffers.size());
  for (size_t index = 0; index < buffers.size() && file->ok(); ++index) {
    const Scope scope(file, "buffers", index);
    const FlatTable buffer = buffers[index];
    const auto data = buffer.Vector<uint8_t>(schema::Buffer::kData);
    std::span<const uint8_t> bytes(data.data(), data.size());
    const auto offset = buffer.Scalar<uint64_t>(schema::Buffer::kOffset, 0);
    if (offset > 1) {
      // A buffer of a model over 2 GiB: it lies behind the FlatBuffer proper.
      const auto size = buffer.Scalar<uint64_t>(schema::Buffer::kSize, 0);
      if (!file->Contains(offset, size)) {
        file->Fail("the data lies outside the file");
        return verified;
      }
      bytes = {file->data() + offset, size};
    }
    verified.push_back(bytes);
  }
  return verified;
}

std::vector<int32_t> VerifyOperatorCodes(FlatBuffer* file, const FlatTable& model) {
  std::vector<int32_t> codes;
  const FlatTables table = model.Tables(schema::Model::kOperatorCodes);
  if (!table.present()) file->Fail("operator_codes: missing");
  if (!file->Spend(table.size())) return codes;
  for (size_t index = 0; index < table.size() && file->ok(); ++index) {
    const Scope scope(file, "operator_codes", index);
    const FlatTable entry = table[index];
    // The new field holds codes that do not fit the old one; the larger counts.
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): a small number, no character
    const int32_t old_code = entry.Scalar<int8_t>(schema::OperatorCode::kDeprecatedBuiltinCode, 0);
    const int32_t code =
        std::max(entry.Scalar<int32_t>(schema::OperatorCode::kBuiltinCode, 0), old_code);
    const std::string_view custom = entry.String(schema::OperatorCode::kCustomCode);
    if (code < 0 || old_code < 0) file->Fail("a negative operator code");
    if (entry.Scalar<int32_t>(schema::OperatorCode::kVersion, 1) < 0) {
      file->Fail("a negative operator version");
    }
    if (code == schema::kCustom && custom.empty()) {
      file->Fail("a custom operator without a name");
    }
    codes.push_back(code);
  }
  return codes;
}

void VerifyMetadata(FlatBuffer* file, const FlatTable& model, size_t buffer_count) {
  const FlatTables entries = model.Tables(schema::Model::kMetadata);
  for (size_t index = 0; index < entries.size() && file->ok(); ++index) {
    const Scope scope(file, "metadata", index);
    const FlatTable entry = entries[index];
    entry.String(schema::Metadata::kName);
    if (entry.Scalar<uint32_t>(schema::Metadata::kBuffer, 0) >= buffer_count) {
      file->Fail("no such buffer");
    }
  }
  model.Vector<int32_t>(schema::Model::kMetadataBuffer);
}

void VerifyTensorMap(FlatBuffer* file, const FlatTables& map, size_t tensor_count) {
  std::set<std::string_view> names;
  for (size_t index = 0; index < map.size() && file->ok(); ++index) {
    const FlatTable entry = map[index];
    const std::string_view name = entry.String(schema::TensorMap::kName);
    if (!entry.Has(schema::TensorMap::kName)) file->Fail("a tensor without a name");
    if (!names.insert(name).second) file->Fail("a name twice");
    if (entry.Scalar<uint32_t>(schema::TensorMap::kTensorIndex, 0) >= tensor_count) {
      file->Fail("no such tensor");
    }
  }
}

void VerifySignatures(FlatBuffer* file, const FlatTable& model,
                      const std::vector<SubgraphFacts>& subgraphs) {
  std::set<std::string_view> keys;
  const FlatTables signatures = model.Tables(schema::Model::kSignatureDefs);
  for (size_t index = 0; index < signatures.size() && file->ok(); ++index) {
    const Scope scope(file, "signature_defs", index);
    const FlatTable signature = signatures[index];
    const auto subgraph = signature.Scalar<uint32_t>(schema::SignatureDef::kSubgraphIndex, 0);
    if (subgraph >= subgraphs.size()) return file->Fail("no such subgraph");
    if (!signature.Has(schema::SignatureDef::kSignatureKey) ||
        !keys.insert(signature.String(schema::SignatureDef::kSignatureKey)).second) {
      return file->Fail("a key that is missing or there twice");
    }
    const size_t tensors = subgraphs[subgraph].tensor_count;
    VerifyTensorMap(file, signature.Tables(schema::SignatureDef::kInputs), tensors);
    VerifyTensorMap(file, signature.Tables(schema::SignatureDef::kOutputs), tensors);
  }
}

void Verify(FlatBuffer* file) {
  const FlatTable model = file->Root(schema::kModelIdentifier);
  if (!file->ok()) return;
  if (model.Scalar<uint32_t>(schema::Model::kVersion, 0) != schema::kVersion) {
    return file->Fail("version: expected 3");
  }
  model.String(schema::Model::kDescription);
  const ModelFacts facts{VerifyBuffers(file, model), VerifyOperatorCodes(file, model)};
  const FlatTables subgraphs = model.Tables(schema::Model::kSubgraphs);
  if (!subgraphs.present() || subgraphs.size() == 0) file->Fail("subgraphs: missing");
  std::vector<SubgraphFacts> verified;
  for (size_t index = 0; index < subgraphs.size() && file->ok(); ++index) {
    const Scope scope(file, "subgraphs", index);
    verified.push_back(VerifySubgraph(file, subgraphs[index], facts));
  }
  if (!file->ok()) return;
  VerifyCallGraph(file, verified);
  if (file->ok()) VerifyVariables(file, model, facts.operator_codes);
  VerifyMetadata(file, model, facts.buffers.size());
  VerifySignatures(file, model, verified);
}

}  // namespace

Status VerifyModel(std::span<const uint8_t> model) {
  FlatBuffer file(model);
  Verify(&file);
  if (file.ok()) return Status::Ok();
  return {ErrorCode::kModelInvalid, "not a valid TensorFlow Lite model: " + file.error()};
}

}  // namespace onlite::tflite
