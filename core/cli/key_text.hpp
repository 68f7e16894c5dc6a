// `peerhold key list` for people, from its JSON. Pure.
#pragma once

#include <string>

#include "cli/table.hpp"

namespace peerhold::cli {

std::string key_table(const std::string& keys_json, const Look&);

}  // namespace peerhold::cli
