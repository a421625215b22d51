#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/status.h"
#include "runtimes/tflite/run/interpreter.h"

namespace onlite::tflite {

/// The interpreters of one session: at most `capacity`, each made when it is
/// first needed, all with the same settings. Thread-safe. The model and the
/// weights cache of the settings outlive it.
///
/// A delegate may take a model and then refuse its tensors with some shapes. With
/// a fallback the pool changes its settings if that happens before any shapes were
/// allocated, and has a pool beside it for such shapes if it happens later.
class InterpreterPool {
 public:
  InterpreterPool(const Model& model, const InterpreterSettings& settings, size_t capacity,
                  std::optional<InterpreterSettings> fallback = std::nullopt)
      : model_(model), capacity_(capacity), fallback_(fallback), settings_(settings) {}

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

  InterpreterSettings settings() const;
  const std::optional<InterpreterSettings>& fallback() const { return fallback_; }

  /// Interpreters with a delegate have allocated tensors.
  void DelegateServed() { delegate_served_.store(true, std::memory_order_relaxed); }

  /// The delegate has refused the shapes. True if there is another way: this pool,
  /// or the one that PoolFor gives, has changed.
  bool FallBack(size_t entry, Feeds feeds);

  /// Where interpreters for these shapes are: this pool or the one beside it.
  InterpreterPool* PoolFor(size_t entry, Feeds feeds);

 private:
  using Shapes = std::pair<size_t, std::vector<Dims>>;

  static Shapes ShapesOf(size_t entry, Feeds feeds);
  Status Create(std::unique_ptr<Interpreter>* interpreter);

  const Model& model_;
  const size_t capacity_;
  const std::optional<InterpreterSettings> fallback_;
  std::atomic<bool> delegate_served_{false};
  mutable std::mutex mutex_;
  InterpreterSettings settings_;
  /// The latest shapes that the delegate refused after it had served others, and
  /// the pool for them.
  std::set<Shapes> refused_;
  std::unique_ptr<InterpreterPool> beside_;
  std::vector<std::unique_ptr<Interpreter>> idle_;
  size_t count_ = 0;
  std::atomic<uint32_t> retired_{0};
  /// Delegates pack weights into a shared cache while an interpreter is made.
  std::mutex creation_mutex_;
};

}  // namespace onlite::tflite
