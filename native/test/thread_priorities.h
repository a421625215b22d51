#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace onlite {

/// The process's threads by their niceness (proc_pid_stat(5), field 19); empty where the system
/// does not say.
inline std::map<int, int> ThreadsByNiceness() {
  std::map<int, int> threads;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream file(task.path() / "stat");
    std::string text;
    // The name, which may hold spaces, is in brackets before the third field.
    if (!std::getline(file, text)) continue;
    size_t at = text.rfind(')');
    for (int field = 2; field < 19; ++field) at = text.find(' ', at + 1);
    ++threads[std::stoi(text.substr(at))];
  }
  return threads;
}

}  // namespace onlite
