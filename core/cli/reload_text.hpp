// What a reload did, for people, from control/json's reload object. Pure.
#pragma once

#include <string>

namespace peerhold::cli {

// "NAME  live: description" a line; `keep` only when asked for.
std::string reload_actions(const std::string& reload_json, bool with_keep);
// "FILE:LINE:COL: error: TEXT" a line.
std::string reload_diagnostics(const std::string& reload_json);

}  // namespace peerhold::cli
