// Decides what a caller of the control socket may do. Called by the server for each connection.
#include "control/access.hpp"

#include <grp.h>

#include <algorithm>
#include <vector>

namespace peerhold {

Access access_of(const PeerUser& user, uid_t own, std::optional<gid_t> control,
                 std::optional<gid_t> read) {
  const auto member = [&](std::optional<gid_t> group) {
    return group && (user.gid == *group || std::find(user.groups.begin(), user.groups.end(),
                                                     *group) != user.groups.end());
  };
  if (user.uid == 0 || user.uid == own || member(control)) return Access::all;
  return member(read) ? Access::look : Access::none;
}

std::optional<gid_t> group_id(const std::string& name) {
  if (name.empty()) return {};
  group entry{};
  group* found = nullptr;
  std::vector<char> room(4096);  // grows with the group's members
  while (getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) == ERANGE &&
         room.size() < (std::size_t{1} << 20))
    room.resize(room.size() * 2);
  if (!found) return {};
  return found->gr_gid;
}

}  // namespace peerhold
