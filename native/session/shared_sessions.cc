#include "session/shared_sessions.h"

#include <random>
#include <string_view>
#include <utility>

namespace onlite {
namespace {

constexpr size_t kRandomDigits = 32;

/// 128 random bits in hexadecimal digits.
std::string RandomDigits() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr size_t kDigitsPerNumber = 8;
  std::random_device device;
  std::string digits;
  digits.reserve(kRandomDigits);
  while (digits.size() < kRandomDigits) {
    uint32_t bits = device();
    for (size_t digit = 0; digit < kDigitsPerNumber; ++digit, bits >>= 4U) {
      digits += kDigits[bits & 0xFU];
    }
  }
  return digits;
}

}  // namespace

SharedSessions::SharedSessions() : process_(RandomDigits()) {}

SharedSessions& SharedSessions::Process() {
  static auto* const sessions = new SharedSessions();
  return *sessions;
}

std::string SharedSessions::Share(const std::shared_ptr<SessionCore>& core,
                                  std::string description) {
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(core->number);
  if (found != by_number_.end()) return found->second.token;
  std::string token = process_ + RandomDigits();
  numbers_.emplace(token, core->number);
  by_number_.emplace(core->number, Entry{core, token, std::move(description)});
  return token;
}

Status SharedSessions::Attach(const std::string& token, std::shared_ptr<SessionCore>* core,
                              std::string* description) {
  if (token.size() != process_.size() + kRandomDigits || !token.starts_with(process_)) {
    return {
        ErrorCode::kInvalidArgument,
        "handle: expected what share() of a session of this process has given; a session cannot "
        "be shared with another process, nor with another copy of onlite's addon"};
  }
  const std::lock_guard lock(mutex_);
  const auto number = numbers_.find(token);
  if (number != numbers_.end()) {
    const Entry& entry = by_number_.at(number->second);
    std::shared_ptr<SessionCore> found = entry.core.lock();
    if (found && found->Attach()) {
      *description = entry.description;
      *core = std::move(found);
      return Status::Ok();
    }
  }
  return {ErrorCode::kSessionReleased,
          "handle: the session was released; a handle does not keep it, so attach before the last "
          "session of it is released"};
}

void SharedSessions::Forget(uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return;
  numbers_.erase(found->second.token);
  by_number_.erase(found);
}

}  // namespace onlite
