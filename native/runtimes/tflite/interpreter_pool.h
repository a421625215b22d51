#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/status.h"
#include "runtimes/tflite/interpreter.h"

namespace onlite::tflite {

/// The interpreters of one session: at most `capacity`, each made when it is
/// first needed, all with the same settings. Thread-safe. The model and the
/// weights cache of the settings outlive it.
class InterpreterPool {
 public:
  InterpreterPool(const Model& model, const InterpreterSettings& settings, size_t capacity)
      : model_(model), settings_(settings), capacity_(capacity) {}

  /// An interpreter that nobody else uses until it is given back. kBusy if all
  /// are in use.
  Status Acquire(std::unique_ptr<Interpreter>* interpreter);

  /// One that became unusable is dropped, and made anew when needed.
  void GiveBack(std::unique_ptr<Interpreter> interpreter);

  /// Destroys one instead, which makes room for a new one.
  void Retire(std::unique_ptr<Interpreter> interpreter);

  /// Whether it is worth to place tensors in an interpreter: other shapes cost the
  /// interpreter then. Where shapes can change it must have seen some runs with
  /// the same ones; their number doubles each time an interpreter was lost, so
  /// that shapes that alternate are copied in the end.
  bool IsWorthPlacing(const Interpreter& interpreter) const;

  /// Puts a new interpreter in the place of all idle ones. Nothing may be in use.
  Status Renew();

  const InterpreterSettings& settings() const { return settings_; }

 private:
  Status Create(std::unique_ptr<Interpreter>* interpreter);

  const Model& model_;
  const InterpreterSettings settings_;
  const size_t capacity_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Interpreter>> idle_;
  size_t count_ = 0;
  std::atomic<uint32_t> retired_{0};
  /// Delegates pack weights into a shared cache while an interpreter is made.
  std::mutex creation_mutex_;
};

}  // namespace onlite::tflite
