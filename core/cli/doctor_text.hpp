// What `peerhold doctor` prints, from the keeper's answer. Pure.
#pragma once

#include <string>

#include "cli/table.hpp"

namespace peerhold::cli {

struct Doctored {
  std::string text;
  bool found = false;  // something is not well
};
Doctored doctor_text(const std::string& answer_json, const Look&);

}  // namespace peerhold::cli
