#pragma once

#include <memory>

#include "runtimes/tflite/api.h"

namespace onlite::tflite {

/// Owners of the C handles: the only place that deletes them.
template <typename Handle, void (*Api::*kDelete)(Handle*)>
struct Deleter {
  const Api* api = nullptr;
  void operator()(Handle* handle) const { (api->*kDelete)(handle); }
};

using ModelHandle = std::unique_ptr<TfLiteModel, Deleter<TfLiteModel, &Api::ModelDelete>>;
using OptionsHandle =
    std::unique_ptr<TfLiteInterpreterOptions,
                    Deleter<TfLiteInterpreterOptions, &Api::InterpreterOptionsDelete>>;
using InterpreterHandle =
    std::unique_ptr<TfLiteInterpreter, Deleter<TfLiteInterpreter, &Api::InterpreterDelete>>;
using SignatureRunnerHandle =
    std::unique_ptr<TfLiteSignatureRunner,
                    Deleter<TfLiteSignatureRunner, &Api::SignatureRunnerDelete>>;
using XnnpackDelegateHandle =
    std::unique_ptr<TfLiteDelegate, Deleter<TfLiteDelegate, &Api::XNNPackDelegateDelete>>;
using OperatorHandle =
    std::unique_ptr<TfLiteOperator, Deleter<TfLiteOperator, &Api::OperatorDelete>>;
using OpaqueDelegateHandle =
    std::unique_ptr<TfLiteDelegate, Deleter<TfLiteDelegate, &Api::OpaqueDelegateDelete>>;
using WeightsCacheHandle = std::unique_ptr<
    TfLiteXNNPackDelegateWeightsCache,
    Deleter<TfLiteXNNPackDelegateWeightsCache, &Api::XNNPackDelegateWeightsCacheDelete>>;

}  // namespace onlite::tflite
