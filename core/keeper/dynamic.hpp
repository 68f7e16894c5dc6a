// What the session of one dynamic peer is called, and what its configuration is. Pure.
#pragma once

#include <string>

#include "config/config.hpp"

namespace peerhold {

std::string child_name(const std::string& parent, const Address& peer);
// The parent's, for that one peer; {name} and {addr} of a UNIX `app` replaced.
SessionConfig child_config(const SessionConfig& parent, const Address& peer);

}  // namespace peerhold
