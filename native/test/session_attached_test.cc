#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/exit_gate.h"
#include "session/attached_session.h"
#include "session/shared_sessions.h"
#include "session_fake.h"

namespace onlite {
namespace {

std::shared_ptr<AttachedSession> MakeFirst(
    std::shared_ptr<FakeLog> log = std::make_shared<FakeLog>()) {
  return std::make_shared<AttachedSession>(MakeCore(std::make_unique<FakeSession>(std::move(log))));
}

std::shared_ptr<AttachedSession> AttachTo(const AttachedSession& session) {
  EXPECT_TRUE(session.core().Attach());
  return std::make_shared<AttachedSession>(session.shared_core());
}

/// Once the executor has no task of the session's left.
void AwaitClosed(SessionCore& core) {
  while (!core.is_closed()) std::this_thread::yield();
}

/// A task that ends when it is told to.
class HeldTask final : public Task {
 public:
  HeldTask(std::atomic<bool>* began, std::atomic<bool>* may_end)
      : began_(began), may_end_(may_end) {}
  void Run() override {
    *began_ = true;
    while (!*may_end_) std::this_thread::yield();
  }

 private:
  std::atomic<bool>* const began_;
  std::atomic<bool>* const may_end_;
};

TEST(AttachedSession, RecordsWhatBecameOfRuns) {
  const auto session = MakeFirst();
  session->records.SetKept(true);
  const RunTimes times{.bind_ns = 1, .invoke_ns = 20, .fetch_ns = 3};
  session->RecordSuccess(4, MonotonicNow() - 100, 50, times, 5, 6);
  const auto record = session->records.Take(4);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->phases.queue_ns, 50);
  EXPECT_EQ(record->phases.invoke_ns, 20);
  EXPECT_EQ(record->phases.fetch_ns, 8);
  EXPECT_GE(record->phases.total_ns, 100);
  EXPECT_EQ(record->batch_rows, 6U);

  session->RecordSynchronous(7, 9);
  const auto synchronous = session->records.Take(RunRecords::kSynchronous);
  ASSERT_TRUE(synchronous.has_value());
  EXPECT_EQ(synchronous->phases.total_ns, 9);
  EXPECT_EQ(synchronous->phases.queue_ns, -1);

  session->RecordFailure(4, MonotonicNow(), ErrorCode::kRunFailed);
  SessionCore& core = session->core();
  EXPECT_EQ(core.statistics->FailureCodes(), (std::vector<ErrorCode>{ErrorCode::kRunFailed}));
  static_cast<void>(core.RecordPost({ErrorCode::kQueueFull, "full"}));
  static_cast<void>(core.RecordPost({ErrorCode::kOutOfMemory, "not counted"}));
  EXPECT_EQ(core.statistics->rejected(), 1U);
}

TEST(AttachedSession, RecordsNothingWithoutLatency) {
  const auto core = MakeCore(std::make_unique<FakeSession>());
  core->record_latency = false;
  AttachedSession session(core);
  EXPECT_EQ(core->Clock(), 0);
  session.RecordSynchronous(7, 9);
  session.RecordFailure(1, 0, ErrorCode::kRunFailed);
  static_cast<void>(core->RecordPost({ErrorCode::kQueueFull, "full"}));
  EXPECT_EQ(core->statistics->bytes(), 0U);
  EXPECT_EQ(core->statistics->rejected(), 0U);
}

TEST(AttachedSession, OnlyTheLastToLetGoIsTheLast) {
  const auto one = MakeFirst();
  const auto other = AttachTo(*one);
  EXPECT_FALSE(one->LetGo());
  EXPECT_TRUE(one->released());
  EXPECT_FALSE(one->LetGo());
  const auto third = AttachTo(*other);
  EXPECT_FALSE(other->LetGo());
  EXPECT_TRUE(third->LetGo());
  EXPECT_TRUE(third->LetGo());
  EXPECT_FALSE(one->core().Attach());
  one->core().Close();
}

TEST(AttachedSession, CountsWhatIsAwaitedHereAndEverywhere) {
  const auto one = MakeFirst();
  const auto other = AttachTo(*one);
  const Undelivered elsewhere(other);
  {
    Undelivered here(one);
    EXPECT_EQ(one->undelivered(), 1U);
    EXPECT_TRUE(one->HasAwaited());
    here.Abandon();
    here.Abandon();
    EXPECT_FALSE(one->HasAwaited());
    EXPECT_EQ(one->undelivered(), 1U);
  }
  EXPECT_EQ(one->undelivered(), 0U);
  EXPECT_EQ(one->core().awaited.load(), 1U);
  // The last waits for the others' runs.
  EXPECT_FALSE(other->LetGo());
  EXPECT_TRUE(one->LetGo());
  EXPECT_TRUE(one->HasAwaited());
  one->core().Close();
}

TEST(AttachedSession, OfWhichEachHasBindingsOfItsOwn) {
  const auto log = std::make_shared<FakeLog>();
  const auto one = MakeFirst(log);
  const auto other = AttachTo(*one);
  std::vector<std::shared_ptr<BindingCore>> bindings;
  for (const auto& session : {one, other}) {
    auto& binding = bindings.emplace_back(std::make_shared<BindingCore>());
    EXPECT_TRUE(session->core().session->CreateBinding(0, &binding->binding).ok());
    binding->session = session;
    session->core().AddBinding(binding);
  }
  one->core().CloseBindingsOf(*one);
  EXPECT_EQ(bindings[0]->binding, nullptr);
  EXPECT_NE(bindings[1]->binding, nullptr);
  one->core().Close();
  EXPECT_EQ(log->destroyed, (std::vector<std::string>{"binding", "binding", "session"}));
}

TEST(AttachedSession, IsClosedByTheLastThatGoesAway) {
  const auto log = std::make_shared<FakeLog>();
  auto one = MakeFirst(log);
  auto other = AttachTo(*one);
  const std::shared_ptr<SessionCore> core = one->shared_core();
  one.reset();
  EXPECT_FALSE(core->is_closed());
  other.reset();
  EXPECT_TRUE(core->is_closed());
  EXPECT_EQ(log->destroyed, (std::vector<std::string>{"session"}));
}

TEST(AttachedSession, IsClosedAfterTheRunsThatAreLeft) {
  auto session = MakeFirst();
  const std::shared_ptr<SessionCore> core = session->shared_core();
  std::atomic<bool> began{false};
  std::atomic<bool> may_end{false};
  ASSERT_TRUE(core->queue->Post(1, std::make_unique<HeldTask>(&began, &may_end)).ok());
  ASSERT_TRUE(core->queue->Post(2, std::make_unique<HeldTask>(&began, &may_end)).ok());
  while (!began) std::this_thread::yield();
  session.reset();
  EXPECT_FALSE(core->is_closed());
  may_end = true;
  AwaitClosed(*core);
}

TEST(SharedSessions, GiveASessionByItsToken) {
  SharedSessions& shared = SharedSessions::Process();
  const auto one = MakeFirst();
  const std::string token = shared.Share(one->shared_core(), "first");
  EXPECT_EQ(shared.Share(one->shared_core(), "second"), token);
  const auto another = MakeFirst();
  EXPECT_NE(shared.Share(another->shared_core(), ""), token);
  std::shared_ptr<SessionCore> core;
  std::string description;
  ASSERT_TRUE(shared.Attach(token, &core, &description).ok());
  EXPECT_EQ(core, one->shared_core());
  EXPECT_EQ(description, "first");
  const auto attached = std::make_shared<AttachedSession>(std::move(core));
  EXPECT_FALSE(one->LetGo());
  EXPECT_TRUE(attached->LetGo());
  EXPECT_EQ(shared.Attach(token, &core, &description).code(), ErrorCode::kSessionReleased);
  attached->core().Close();
}

TEST(SharedSessions, RefuseWhatIsNoTokenOfTheProcess) {
  SharedSessions& shared = SharedSessions::Process();
  const auto session = MakeFirst();
  std::string token = shared.Share(session->shared_core(), "");
  std::shared_ptr<SessionCore> core;
  std::string description;
  for (const std::string& wrong :
       {std::string(), token.substr(1), token + "0", std::string(token.size(), '0'),
        std::string(token.size(), 'x')}) {
    EXPECT_EQ(shared.Attach(wrong, &core, &description).code(), ErrorCode::kInvalidArgument);
  }
  // One that begins as this process's do may have been a session's.
  token.back() = token.back() == '0' ? '1' : '0';
  EXPECT_EQ(shared.Attach(token, &core, &description).code(), ErrorCode::kSessionReleased);
  EXPECT_EQ(core, nullptr);
}

// Threads come and go while others run; whoever is the last closes, once, and nobody attaches
// after.
TEST(SharedSessions, AreClosedOnceHoweverThreadsComeAndGo) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    const auto log = std::make_shared<FakeLog>();
    auto first = MakeFirst(log);
    const std::shared_ptr<SessionCore> core = first->shared_core();
    const std::string token = SharedSessions::Process().Share(core, "shared");
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&token] {
        for (int turn = 0; turn < 20; ++turn) {
          std::shared_ptr<SessionCore> found;
          std::string description;
          if (!SharedSessions::Process().Attach(token, &found, &description).ok()) return;
          const auto session = std::make_shared<AttachedSession>(std::move(found));
          SessionCore& shared = session->core();
          const Undelivered run(session);
          if (EnterSynchronousRun(shared)) {
            EXPECT_NE(shared.session, nullptr);
            session->RecordSynchronous(1, 2);
            session->RecordInline(1, 2);
            LeaveSynchronousRun(shared);
          }
          static_cast<void>(shared.Providers());
        }
      });
    }
    first.reset();
    for (std::thread& thread : threads) thread.join();
    AwaitClosed(*core);
    EXPECT_EQ(log->destroyed, (std::vector<std::string>{"session"}));
    EXPECT_EQ(core->awaited.load(), 0U);
    EXPECT_FALSE(core->has_users());
  }
}

}  // namespace
}  // namespace onlite
