// The value tree: equality and look-up; and whether anything was wrong with it. Used by the schema
// engine and the loader.
#include "config/value.hpp"

#include <algorithm>

namespace peerhold {

bool any_error(const std::vector<Diagnostic>& all) {
  return std::ranges::find(all, Diagnostic::error, &Diagnostic::severity) != all.end();
}

bool Value::operator==(const Value& other) const {
  return v == other.v;
}

bool TableEntry::operator==(const TableEntry& other) const {
  return key == other.key && value == other.value;
}

const Value* Value::find(std::string_view key) const {
  if (const Tree* tree = std::get_if<Tree>(&v))
    for (const TableEntry& entry : *tree)
      if (entry.key == key) return &entry.value;
  return nullptr;
}

}  // namespace peerhold
