// Recognises a host name where an address must stand, so that the error can say why.
#pragma once

#include <string_view>

namespace peerhold {

// Letters and no second colon: "router.example.net:179", "localhost". Not a UNIX socket, not a
// prefix.
bool looks_like_host_name(std::string_view text);

}  // namespace peerhold
