// One event for people, from its JSON. Pure.
#pragma once

#include <string>

namespace peerhold::cli {

// "2026-11-23T16:00:03Z  edge1  connecting -> established  …", with its newline. `said` is kept
// by the caller from event to event: a change of state does not repeat the error just told.
std::string event_text(const std::string& event_json, std::string* said = nullptr);

}  // namespace peerhold::cli
