// Fields: the slots of a checked table by their names.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "config/schema.hpp"

namespace peerhold {

class Fields {
 public:
  Fields(const Schema& schema, Checked& checked) : schema_(schema), checked_(checked) {}

  Checked::Slot& operator[](std::string_view name) const { return checked_.slots[index(name)]; }
  Fields table(std::string_view name) const {
    const std::size_t i = index(name);
    return {schema_[i].fields, checked_.slots[i].tables.front()};
  }
  // The chosen word of a choice.
  const std::string& word(std::string_view name) const { return (*this)[name].text; }
  Milliseconds duration(std::string_view name) const { return Milliseconds((*this)[name].number); }

 private:
  std::size_t index(std::string_view name) const {
    std::size_t i = 0;
    while (i < schema_.size() && schema_[i].name != name) ++i;
    PH_REQUIRE(i < schema_.size());
    return i;
  }
  const Schema& schema_;
  Checked& checked_;
};

}  // namespace peerhold
