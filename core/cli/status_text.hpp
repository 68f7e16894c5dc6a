// `peerhold status` for people and for monitoring, made from its JSON. Pure.
#pragma once

#include <string>

#include "cli/table.hpp"

namespace peerhold::cli {

// One line a session, those not well first.
std::string status_table(const std::string& status_json, const Look&);
// Everything about the first session of the answer.
std::string status_full(const std::string& status_json, const Look&);

struct Checked {
  int exit = 3;  // 0 ok, 1 warning, 2 critical, 3 unknown, as monitoring plug-ins answer
  std::string line;
};
Checked status_check(const std::string& status_json);

}  // namespace peerhold::cli
