// Which local user owns the other end of an app's connection: SO_PEERCRED on UNIX sockets,
// sock_diag on loopback TCP.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.hpp"

namespace peerhold {

struct PeerUser {
  uid_t uid = 0;
  gid_t gid = 0;              // UNIX only
  pid_t pid = 0;              // UNIX only
  std::vector<gid_t> groups;  // UNIX only, SO_PEERGROUPS, the primary included
};
Result<PeerUser> peer_user(int fd);

}  // namespace peerhold
