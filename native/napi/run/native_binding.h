#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "napi/run/bound_memory.h"
#include "session/attached_session.h"

namespace onlite {

class BindingRunJob;

/// The JavaScript face of a binding: NativeBinding of lib/engine/addon/native.ts. JS thread only.
class NativeBinding : public Napi::ObjectWrap<NativeBinding> {
 public:
  static Napi::Function Define(Napi::Env env);
  /// `owner` is the session's JavaScript object, which the binding keeps alive.
  /// kSessionReleased, or what the adapter says.
  static Napi::Object Wrap(Napi::Env env, const Napi::Value& owner,
                           std::shared_ptr<AttachedSession> session, size_t signature);

  /// Takes an External of shared_ptr<BindingCore>, which only Wrap can make, and the
  /// session's object.
  explicit NativeBinding(const Napi::CallbackInfo& info);
  ~NativeBinding() override;

  /// An asynchronous run has ended: the binding is free, copies go out.
  void Finished(Napi::Env env, bool succeeded);
  /// Keeps the job of the last asynchronous run for the next.
  void Keep(std::unique_ptr<BindingRunJob> job);

  /// So has a copy from a device.
  void Copied();

  /// JavaScript's `run(id)`.
  void Start(Napi::Env env, napi_value id);

 private:
  struct Slot {
    std::optional<BoundMemory> memory;
    bool dynamic = false;
    /// A dynamic output that stays in the runtime's memory: `carry` makes it an input.
    bool kept = false;
    /// A kept one that is where the model has run (Binding::BindDeviceOutput).
    bool on_device = false;
    /// The runtime's binding refers to the private copy.
    bool copied = false;
  };

  Napi::Value SetInputs(const Napi::CallbackInfo& info);
  Napi::Value SetOutputs(const Napi::CallbackInfo& info);
  Napi::Value Carry(const Napi::CallbackInfo& info);
  Napi::Value KeepOutput(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value CopyToHost(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  /// Throws unless the two can exchange their memory.
  void RequireCarriable(Napi::Env env, size_t output, size_t input);
  /// Has an input and an output each have the other's memory, or copies the state.
  Status CarryOne(size_t output, size_t input);
  /// Has an input read what the last run left in a kept output.
  void FeedBack(Napi::Env env, size_t output, size_t input);
  void ListDynamicOutputs();
  void CountCopies();
  /// Whether runs of what is bound may join batches.
  void CountRows();
  /// What a runSync function refers to; it may outlive the binding.
  struct Callee {
    NativeBinding* binding;
  };

  /// What JavaScript says with its call of runSync: the bits of the argument.
  struct Way {
    /// The run was asked for asynchronously.
    bool inlined;
    /// Every array that could be detached has the bytes that were bound.
    bool attached;
  };

  static napi_value RunSync(napi_env env, napi_callback_info info);
  void DefineRunSync(Napi::Env env, Napi::Object self);

  /// The quick way of runSync, and of an asynchronous run that is made here and now
  /// (`inlined`); nothing if it does not apply.
  std::optional<Status> RunAtOnce(Way way);
  /// Has what asynchronous runs copy lie in place, if then such a run can be made at once.
  bool PlaceForInline(Napi::Env env, Way way);
  /// Whether a run needs no more than the runtime's own call.
  bool IsReady(Way way) const;
  /// Whether there is no other run, and nothing to be taken after one.
  bool IsFree() const;
  /// What the next runs need to know of the bound memory.
  void NoteCare();
  void NotePlaces();
  Napi::Value RunWithCare(Napi::Env env);
  /// What a synchronous run has left, for JavaScript.
  Napi::Value TakeOutputs(Napi::Env env);
  /// Brings the outputs that a run wrote to private copies to where they belong.
  void CopyOut(Napi::Env env, bool asynchronous);

  void RequireIdle(Napi::Env env) const;
  void Set(Napi::Env env, napi_value tensors, BoundMemory::Use use);
  /// Throws if an output would lie where another bound tensor does.
  void RequireApart(Napi::Env env, BoundMemory::Use use, size_t index) const;
  /// Points the runtime at JavaScript's memory or at the copies, and fills those.
  void Prepare(Napi::Env env, bool asynchronous);
  Status BindView(BoundMemory::Use use, size_t index, bool asynchronous);
  const std::vector<ValueInfo>& Values(BoundMemory::Use use) const;

  AttachedSession& session() const { return *core_->session; }

  std::shared_ptr<BindingCore> core_;
  std::vector<Slot> inputs_;
  std::vector<Slot> outputs_;
  std::unique_ptr<BindingRunJob> idle_job_;
  std::shared_ptr<Callee> callee_;
  /// The kind of run that was asked for last, and so probably is next.
  bool ran_asynchronously_ = false;
  /// Something may be detached or needs copying: stable unshared memory alone
  /// needs no look before a run.
  bool needs_care_ = false;
  /// The runtime refers to JavaScript's own memory everywhere, as synchronous runs may.
  bool in_place_ = false;
  /// Of the inputs that an asynchronous run works on copies of.
  size_t copied_bytes_ = 0;
  bool busy_ = false;
};

}  // namespace onlite
