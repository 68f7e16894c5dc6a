// Event: one thing that happened, for `watch`, subscribers and the log.
#pragma once

#include <string>
#include <string_view>

#include "base/units.hpp"

namespace peerhold {

enum class EventKind : std::uint8_t { state, key, app, error, reload, plugin, operator_, keeper };
std::string_view to_string(EventKind);  // "operator" for operator_

struct Event {
  WallTime time;
  std::string session;  // empty: the keeper's own
  EventKind kind = EventKind::state;
  std::string from, to, cause, text;
};

}  // namespace peerhold
