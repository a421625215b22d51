#include "onnxruntime_carrier.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "model_bytes.h"
#include "runtimes/ort/handles.h"

namespace onlite::bench {
namespace {

using ort::Functions;

void Check(OrtStatus* status) {
  if (status != nullptr) Fail(Functions().GetErrorMessage(status));
}

ort::TensorInfoHandle InfoOf(const OrtValue* value) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  Check(Functions().GetTensorTypeAndShape(value, &info));
  return ort::TensorInfoHandle(info);
}

std::vector<int64_t> DimsOf(const OrtValue* value) {
  const ort::TensorInfoHandle info = InfoOf(value);
  size_t rank = 0;
  Check(Functions().GetDimensionsCount(info.get(), &rank));
  std::vector<int64_t> dims(rank);
  Check(Functions().GetDimensions(info.get(), dims.data(), rank));
  return dims;
}

void* DataOf(OrtValue* value) {
  void* data = nullptr;
  Check(Functions().GetTensorMutableData(value, &data));
  return data;
}

class OrtCarrier : public Runner {
 public:
  OrtCarrier(OrtSession* session, const CarryPlan& plan) : session_(session), plan_(plan) {
    OrtMemoryInfo* cpu = nullptr;
    Check(Functions().CreateCpuMemoryInfo(ort::kAllocatorArena, ort::kMemoryDefault, &cpu));
    cpu_.reset(cpu);
    for (const CarryPlan::Input& input : plan_.inputs) {
      input_names_.push_back(input.name.c_str());
      initial_.push_back(MakeInput(input));
      inputs_.push_back(initial_.back().get());
    }
    // Carried outputs first, so that the others keep the memory that the first run gave them.
    for (const auto& [output, input] : plan_.pairs) {
      output_names_.push_back(output.c_str());
      const auto found = std::find_if(plan_.inputs.begin(), plan_.inputs.end(),
                                      [&](const auto& other) { return other.name == input; });
      if (found == plan_.inputs.end()) Fail("not an input: " + input);
      states_.emplace_back().input = static_cast<size_t>(found - plan_.inputs.begin());
    }
    for (const std::string& output : plan_.outputs) output_names_.push_back(output.c_str());
    outputs_.resize(output_names_.size());
    // Tells which states keep their shape: those have two buffers that change places.
    RunOnce();
    for (size_t index = 0; index < states_.size(); ++index) {
      State& state = states_[index];
      ort::ValueHandle made(outputs_[index]);
      outputs_[index] = nullptr;
      const CarryPlan::Input& input = plan_.inputs[state.input];
      state.grows = DimsOf(made.get()) != input.dims;
      if (state.grows) continue;
      state.first = MakeInput(input);
      state.second = std::move(made);
    }
    for (size_t index = states_.size(); index < outputs_.size(); ++index) {
      kept_.emplace_back(outputs_[index]);
    }
  }

  void Run() override {
    for (size_t index = 0; index < states_.size(); ++index) {
      State& state = states_[index];
      OrtValue* const initial = initial_[state.input].get();
      if (state.grows) {
        state.first.reset();
        inputs_[state.input] = initial;
        outputs_[index] = nullptr;
      } else {
        inputs_[state.input] = state.first.get();
        outputs_[index] = state.second.get();
        std::memcpy(DataOf(state.first.get()), DataOf(initial), Bytes(state.input));
      }
    }
    for (int64_t step = 0; step < plan_.steps; ++step) {
      RunOnce();
      for (size_t index = 0; index < states_.size(); ++index) {
        State& state = states_[index];
        if (state.grows) {
          state.first.reset(std::exchange(outputs_[index], nullptr));
          inputs_[state.input] = state.first.get();
        } else {
          std::swap(inputs_[state.input], outputs_[index]);
        }
      }
    }
  }

 private:
  struct State {
    size_t input = 0;
    bool grows = false;
    /// Of one that grows, the last output; else the two buffers.
    ort::ValueHandle first;
    ort::ValueHandle second;
  };

  void RunOnce() {
    Check(Functions().Run(session_, nullptr, input_names_.data(),
                          const_cast<const OrtValue* const*>(inputs_.data()), inputs_.size(),
                          output_names_.data(), output_names_.size(), outputs_.data()));
  }

  size_t Elements(size_t index) const {
    size_t elements = 1;
    for (const int64_t dim : plan_.inputs[index].dims) elements *= static_cast<size_t>(dim);
    return elements;
  }
  size_t Bytes(size_t index) const { return Elements(index) * sizeof(float); }

  /// int64 where a number is given that is no zero, else float32: what the models here take.
  ort::ValueHandle MakeInput(const CarryPlan::Input& input) {
    size_t elements = 1;
    for (const int64_t dim : input.dims) elements *= static_cast<size_t>(dim);
    const bool is_integer = input.value != 0;
    const size_t bytes = elements * (is_integer ? sizeof(int64_t) : sizeof(float));
    AlignedBuffer memory = AllocateAligned(std::max<size_t>(bytes, 1));
    std::memset(memory.get(), 0, bytes);
    if (is_integer) std::fill_n(reinterpret_cast<int64_t*>(memory.get()), elements, input.value);
    if (input.varies) FillFloats(reinterpret_cast<float*>(memory.get()), elements);
    OrtValue* value = nullptr;
    Check(Functions().CreateTensorWithDataAsOrtValue(
        cpu_.get(), memory.get(), bytes, input.dims.data(), input.dims.size(),
        is_integer ? ort::kOnnxInt64 : ort::kOnnxFloat, &value));
    memory_.push_back(std::move(memory));
    return ort::ValueHandle(value);
  }

  OrtSession* const session_;
  const CarryPlan plan_;
  ort::MemoryInfoHandle cpu_;
  std::vector<AlignedBuffer> memory_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  std::vector<ort::ValueHandle> initial_;
  std::vector<State> states_;
  /// Outputs that are not carried.
  std::vector<ort::ValueHandle> kept_;
  std::vector<OrtValue*> inputs_;
  std::vector<OrtValue*> outputs_;
};

}  // namespace

std::unique_ptr<Runner> MakeOrtCarrier(OrtSession* session, const CarryPlan& plan) {
  return std::make_unique<OrtCarrier>(session, plan);
}

}  // namespace onlite::bench
