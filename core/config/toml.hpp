// TOML text to the value tree. toml.cpp is the only file that includes toml++.
#pragma once

#include <string>
#include <vector>

#include "config/value.hpp"

namespace peerhold {

// `text` is wiped afterwards, for it may hold secrets. What cannot be parsed is one error in `out`
// and gives what an empty file gives.
Value parse_toml(std::string& text, const std::string& file, std::vector<Diagnostic>& out);

// One literal, as in a default ("90s", ["a"], 3).
Result<Value> parse_toml_literal(const std::string& literal);

}  // namespace peerhold
