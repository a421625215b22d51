#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/status.h"
#include "session/session_core.h"

namespace onlite {

/// The sessions of this process that programs have shared, by the tokens that JavaScript's threads
/// send each other. A token holds nothing: the session ends when the last that is attached has let
/// go. Thread-safe; never destroyed.
class SharedSessions {
 public:
  static SharedSessions& Process();

  SharedSessions(const SharedSessions&) = delete;
  SharedSessions& operator=(const SharedSessions&) = delete;

  /// The token of the session, always the same. `description` is what Attach gives with the
  /// session: the first one's.
  std::string Share(const std::shared_ptr<SessionCore>& core, std::string description);

  /// The session, attached once more (SessionCore::Attach). kInvalidArgument for what is no token
  /// of this process, kSessionReleased if the last has let go.
  Status Attach(const std::string& token, std::shared_ptr<SessionCore>* core,
                std::string* description);

  /// The last has let go of the session of this number.
  void Forget(uint64_t number);

 private:
  SharedSessions();

  struct Entry {
    std::weak_ptr<SessionCore> core;
    std::string token;
    std::string description;
  };

  /// What every token of this process begins with, and those of others do not.
  const std::string process_;
  std::mutex mutex_;
  std::unordered_map<uint64_t, Entry> by_number_;
  std::unordered_map<std::string, uint64_t> numbers_;  // by token
};

}  // namespace onlite
