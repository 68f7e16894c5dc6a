// Whether this host can send to an address at all, as its own kernel says: nothing is sent.
#pragma once

#include <string>

#include "base/endpoint.hpp"

namespace peerhold {

// Why nothing can leave for `to`: no route, no such `from`, a device that is down or has no
// carrier. Empty: something can, or it is not known. `from` and `interface` may be unset.
std::string no_way(const Address& to, const Address& from, const std::string& interface);

}  // namespace peerhold
