// Symptoms: what a diagnosis starts from, as a session itself knows it.
#pragma once

#include <optional>
#include <utility>

#include "base/endpoint.hpp"
#include "session/status.hpp"

namespace peerhold {

struct Symptoms {
  SessionState state = SessionState::down;
  bool rests = false;    // no link, and none is wanted or missed now
  bool claimed = false;  // its listener takes connections for it
  int claim_code = 0;    // the errno that a claim failed with; ENOMEM: no room for its key
  std::optional<Failure> last_error;
  // Local and far end of a link: of one that stalls, else of the first.
  std::optional<std::pair<Endpoint, Endpoint>> link;
  bool stalled = false;  // its bytes are not acknowledged, or its probes not answered
};

}  // namespace peerhold
