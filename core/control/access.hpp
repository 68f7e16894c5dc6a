// Who may do what on the control socket: root and the keeper's own user everything, members of
// [keeper] control_group everything, members of control_read_group may look.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "net/peer_user.hpp"

namespace peerhold {

enum class Access : std::uint8_t { none, look, all };

Access access_of(const PeerUser&, uid_t own, std::optional<gid_t> control,
                 std::optional<gid_t> read);

// The id of a group; none when there is no such group or `name` is empty. Asks NSS, which may wait:
// not on every connection.
std::optional<gid_t> group_id(const std::string& name);

}  // namespace peerhold
