// `peerhold plugins` for people, from its JSON. Pure.
#pragma once

#include <string>

#include "cli/table.hpp"

namespace peerhold::cli {

std::string plugins_text(const std::string& plugins_json, const Look&);

}  // namespace peerhold::cli
