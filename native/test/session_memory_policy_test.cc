#include <gtest/gtest.h>

#include <memory>

#include "session/memory_policy.h"

namespace onlite {
namespace {

TensorArgument Argument(ElementType type, MemoryKind kind, bool shared = false) {
  TensorArgument argument;
  argument.view.type = type;
  argument.kind = kind;
  argument.shared = shared;
  return argument;
}

TEST(MemoryPolicy, SynchronousRunsCopySharedMemoryOnly) {
  for (const MemoryKind kind : {MemoryKind::kOrdinary, MemoryKind::kPooled, MemoryKind::kPrivate}) {
    for (const ElementType type : {ElementType::kFloat32, ElementType::kInt64}) {
      EXPECT_FALSE(MustCopy(Argument(type, kind), FeedPolicy::kSynchronous));
      EXPECT_TRUE(MustCopy(Argument(type, kind, true), FeedPolicy::kSynchronous));
      EXPECT_TRUE(MustCopy(Argument(type, kind, true), FeedPolicy::kAsynchronous));
    }
  }
}

TEST(MemoryPolicy, AsynchronousRunsUseAPoolsFloatsAndBytesInPlace) {
  for (const ElementType type : {ElementType::kFloat32, ElementType::kFloat16, ElementType::kInt8,
                                 ElementType::kUInt8, ElementType::kFloat64}) {
    EXPECT_FALSE(MustCopy(Argument(type, MemoryKind::kPooled), FeedPolicy::kAsynchronous));
    EXPECT_TRUE(MustCopy(Argument(type, MemoryKind::kOrdinary), FeedPolicy::kAsynchronous));
  }
}

TEST(MemoryPolicy, AsynchronousRunsCopyWhatAKernelMayAddressMemoryBy) {
  for (const ElementType type :
       {ElementType::kBool, ElementType::kInt16, ElementType::kUInt16, ElementType::kInt32,
        ElementType::kUInt32, ElementType::kInt64, ElementType::kUInt64}) {
    EXPECT_TRUE(MustCopy(Argument(type, MemoryKind::kPooled), FeedPolicy::kAsynchronous));
    EXPECT_FALSE(MustCopy(Argument(type, MemoryKind::kPrivate), FeedPolicy::kAsynchronous));
  }
}

TEST(MemoryPolicy, StringsAreCopiedWhenTheyAreRead) {
  const TensorArgument strings = Argument(ElementType::kString, MemoryKind::kOrdinary);
  EXPECT_FALSE(MustCopy(strings, FeedPolicy::kAsynchronous));
  EXPECT_FALSE(MayBeDetached(strings));
}

TEST(MemoryPolicy, BoundMemoryNeedsNoLookIfItIsStableAndUsedInPlace) {
  EXPECT_TRUE(IsAlwaysInPlace(Argument(ElementType::kFloat32, MemoryKind::kPooled)));
  EXPECT_TRUE(IsAlwaysInPlace(Argument(ElementType::kInt64, MemoryKind::kPrivate)));
  EXPECT_FALSE(IsAlwaysInPlace(Argument(ElementType::kInt64, MemoryKind::kPooled)));
  EXPECT_FALSE(IsAlwaysInPlace(Argument(ElementType::kFloat32, MemoryKind::kOrdinary)));
  EXPECT_FALSE(IsAlwaysInPlace(Argument(ElementType::kFloat32, MemoryKind::kPooled, true)));
  EXPECT_TRUE(MayBeDetached(Argument(ElementType::kFloat32, MemoryKind::kOrdinary)));
  EXPECT_FALSE(MayBeDetached(Argument(ElementType::kFloat32, MemoryKind::kPooled)));
}

TEST(MemoryPolicy, OnlyPrivateOutputsAreOutOfReach) {
  EXPECT_FALSE(IsReachable(MemoryKind::kPrivate));
  for (const MemoryKind kind :
       {MemoryKind::kOrdinary, MemoryKind::kPooled, MemoryKind::kFilledLater}) {
    EXPECT_TRUE(IsReachable(kind));
  }
}

TEST(MemoryPolicy, ResultsWithAPlaceToGoAreHeld) {
  EXPECT_FALSE(WantsHeldResult(MemoryKind::kOrdinary, false));
  EXPECT_TRUE(WantsHeldResult(MemoryKind::kOrdinary, true));
  EXPECT_TRUE(WantsHeldResult(MemoryKind::kPooled, false));
  EXPECT_TRUE(WantsHeldResult(MemoryKind::kFilledLater, true));
  EXPECT_FALSE(WantsHeldResult(MemoryKind::kPrivate, true));
}

TEST(MemoryPolicy, AResultInAnInputsMemoryCannotBeHeld) {
  float memory[4] = {};
  RunRequest request;
  TensorView& input = request.inputs.emplace_back().tensor;
  input.data = memory;
  input.byte_length = sizeof(memory);
  Value value;
  value.kind = Value::Kind::kTensor;
  value.tensor.type = ElementType::kFloat32;
  value.tensor.data = memory + 1;
  value.tensor.byte_length = sizeof(float);
  value.owner = std::make_shared<int>(0);
  EXPECT_FALSE(CanBeHeld(request, value));

  float apart = 0;
  value.tensor.data = &apart;
  EXPECT_TRUE(CanBeHeld(request, value));
  value.owner = nullptr;
  EXPECT_FALSE(CanBeHeld(request, value));
}

TEST(MemoryPolicy, AResultInASequencesMemoryCannotBeHeld) {
  float memory = 0;
  RunRequest request;
  RunInput& input = request.inputs.emplace_back();
  input.is_sequence = true;
  TensorView& item = input.items.emplace_back();
  item.data = &memory;
  item.byte_length = sizeof(memory);
  Value value;
  value.kind = Value::Kind::kTensor;
  value.tensor = item;
  value.owner = std::make_shared<int>(0);
  EXPECT_FALSE(CanBeHeld(request, value));
}

}  // namespace
}  // namespace onlite
