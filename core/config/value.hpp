// The value tree: what toml++ parsed, with the place of every value, before any meaning.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace peerhold {

struct Location {
  std::string file;
  std::uint32_t line = 0, column = 0;
  bool operator==(const Location&) const = default;
};

struct Diagnostic {
  enum Severity : std::uint8_t { error, warning } severity = error;
  Location at;
  std::string text;  // names the object, what is wrong and the remedy
};
bool any_error(const std::vector<Diagnostic>&);

struct Value;
using Array = std::vector<Value>;
struct TableEntry;
using Tree = std::vector<TableEntry>;  // in the file's order
struct DateTime {
  std::int64_t unix_seconds = 0;
  bool has_offset = false;
  bool operator==(const DateTime&) const = default;
};

struct Value {
  std::variant<bool, std::int64_t, double, std::string, DateTime, Array, Tree> v;
  Location at;
  bool operator==(const Value&) const;            // places do not count
  const Value* find(std::string_view key) const;  // in a Tree; null when absent or not a Tree
};
struct TableEntry {
  std::string key;
  Value value;
  Location at;  // of the key
  bool operator==(const TableEntry&) const;
};

}  // namespace peerhold
