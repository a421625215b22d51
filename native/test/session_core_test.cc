#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "session_fake.h"

namespace onlite {
namespace {

std::shared_ptr<BindingCore> Bind(const std::shared_ptr<SessionCore>& core) {
  auto binding = std::make_shared<BindingCore>();
  EXPECT_TRUE(core->session->CreateBinding(0, &binding->binding).ok());
  core->AddBinding(binding);
  return binding;
}

TEST(SessionCore, CloseDestroysBindingsBeforeTheSession) {
  const auto log = std::make_shared<FakeLog>();
  const auto core = MakeCore(std::make_unique<FakeSession>(log));
  const auto one = Bind(core);
  const auto other = Bind(core);
  core->Close();
  EXPECT_EQ(log->destroyed, (std::vector<std::string>{"binding", "binding", "session"}));
  EXPECT_EQ(one->binding, nullptr);
  core->Close();
  EXPECT_EQ(log->destroyed.size(), 3U);
}

TEST(SessionCore, CloseForgetsBindingsThatAreGone) {
  const auto log = std::make_shared<FakeLog>();
  const auto core = MakeCore(std::make_unique<FakeSession>(log));
  core->CloseBinding(*Bind(core));
  EXPECT_EQ(log->destroyed, (std::vector<std::string>{"binding"}));
  core->Close();
  EXPECT_EQ(log->destroyed, (std::vector<std::string>{"binding", "session"}));
}

TEST(SessionCore, KnowsItsProvidersAfterClose) {
  const auto core = MakeCore(std::make_unique<FakeSession>());
  EXPECT_EQ(core->Providers(), (std::vector<std::string>{"fake"}));
  core->Close();
  EXPECT_EQ(core->Providers(), (std::vector<std::string>{"fake"}));
}

TEST(SessionCore, TakesDynamicOutputsInTheirOrder) {
  const auto core = MakeCore(std::make_unique<FakeSession>());
  const auto binding = Bind(core);
  std::vector<Value> values;
  EXPECT_TRUE(core->TakeOutputs(*binding, &values).ok());
  EXPECT_TRUE(values.empty());
  binding->dynamic_outputs = {2, 5};
  ASSERT_TRUE(core->TakeOutputs(*binding, &values).ok());
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].tensor.dims, (Dims{2}));
  EXPECT_EQ(values[1].tensor.dims, (Dims{5}));
  core->Close();
  EXPECT_EQ(core->TakeOutputs(*binding, &values).code(), ErrorCode::kSessionReleased);
}

TEST(SessionCore, TakesEveryOutputOfAFlexibleBindingThatStrayed) {
  const auto core = MakeCore(std::make_unique<FakeSession>());
  const auto binding = Bind(core);
  binding->flexible = true;
  std::vector<Value> values;
  EXPECT_TRUE(core->TakeOutputs(*binding, &values).ok());
  EXPECT_TRUE(values.empty());
  static_cast<FakeBinding*>(binding->binding.get())->set_strayed(true);
  EXPECT_TRUE(core->TakeOutputs(*binding, &values).ok());
  EXPECT_EQ(values.size(), 1U);
}

TEST(SessionCore, SynchronousRunsTakeAPlaceUnlessTheSessionIsReentrant) {
  const auto core = MakeCore(std::make_unique<FakeSession>());
  ASSERT_TRUE(EnterSynchronousRun(*core));
  EXPECT_FALSE(EnterSynchronousRun(*core));
  EXPECT_EQ(EveryInterpreterBusy().code(), ErrorCode::kBusy);
  LeaveSynchronousRun(*core);
  EXPECT_TRUE(EnterSynchronousRun(*core));
  LeaveSynchronousRun(*core);
  core->info.reentrant = true;
  EXPECT_TRUE(EnterSynchronousRun(*core));
  EXPECT_TRUE(EnterSynchronousRun(*core));
}

// A finished binding is read, and a forgotten one destroyed, while Close runs elsewhere.
TEST(SessionCore, ClosesOnAnotherThreadWhileBindingsAreUsed) {
  for (int round = 0; round < 100; ++round) {
    const auto core = MakeCore(std::make_unique<FakeSession>());
    const auto read = Bind(core);
    read->dynamic_outputs = {0};
    const auto forgotten = Bind(core);
    std::thread closer([&] { core->Close(); });
    std::vector<Value> values;
    static_cast<void>(core->TakeOutputs(*read, &values));
    core->CloseBinding(*forgotten);
    static_cast<void>(core->Providers());
    closer.join();
    EXPECT_EQ(core->session, nullptr);
  }
}

}  // namespace
}  // namespace onlite
