#pragma once

#include <string>

namespace onlite {

/// "inputs.image": where in a request a value stands, put together only for a message.
struct ValuePath {
  const char* list;
  const std::string& name;
};

inline std::string operator+(const ValuePath& path, const std::string& rest) {
  return std::string(path.list) + "." + path.name + rest;
}

}  // namespace onlite
