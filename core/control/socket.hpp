// The control socket's place in the file system.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace peerhold {

// A listening, non-blocking socket at `path`, mode 0660, group `control`; `read` may connect as
// well (by an ACL entry). A socket left behind is replaced only when nobody answers on it. The
// error's code is EADDRINUSE when a keeper answers: the text names its pid. What could not be given
// to the groups is told in `warnings`.
Result<Fd> open_control_socket(const std::string& path, std::optional<gid_t> control,
                               std::optional<gid_t> read, std::vector<std::string>& warnings);
// Owner, mode and ACL again (a reload changed the groups).
void give_control_socket(const std::string& path, std::optional<gid_t> control,
                         std::optional<gid_t> read, std::vector<std::string>& warnings);

// The directory in which `path` stands.
std::string runtime_directory(const std::string& path);

// Connects to a keeper; blocking socket. Errors: ENOENT, ECONNREFUSED (nobody), EACCES.
Result<Fd> connect_control_socket(const std::string& path);

}  // namespace peerhold
