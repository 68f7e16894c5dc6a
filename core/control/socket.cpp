// Makes, replaces and finds the control socket. Called by the server and by the command line's
// client.
#include "control/socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace peerhold {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un sa{};
  sa.sun_family = AF_UNIX;
  if (path.empty()) return Error{"the path of the control socket is empty"};
  if (path.size() >= sizeof(sa.sun_path))
    return Error{"control socket " + path + ": the path has " + std::to_string(path.size()) +
                     " bytes, a UNIX socket's at most " + std::to_string(sizeof(sa.sun_path) - 1) +
                     "; choose a shorter one",
                 ENAMETOOLONG};
  std::memcpy(sa.sun_path, path.data(), path.size());
  return sa;
}

Result<Fd> connect_to(const std::string& path, int flags) {
  const auto sa = address_of(path);
  if (!sa) return sa.error();
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) return error_from_errno(errno, "cannot make a UNIX socket");
  const timeval limit{5, 0};  // a keeper whose queue is full
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*sa), sizeof *sa) != 0)
    return error_from_errno(errno, "cannot connect to the control socket " + path);
  return fd;
}

// Two keepers that start at once must not take each other's socket away: who replaces a socket
// holds its directory's lock meanwhile, which leaves no file behind.
Result<Fd> lock_directory_of(const std::string& path) {
  const std::string dir = runtime_directory(path);
  Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    Error error =
        error_from_errno(errno, "control socket " + path + ": cannot open its directory " + dir);
    if (error.code == ENOENT)
      error.text += "; make it, or put the socket elsewhere by --control or [keeper] control";
    return error;
  }
  for (int tries = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (tries == 100)
      return error_from_errno(errno, "control socket " + path +
                                         ": another program holds a lock on " + dir +
                                         " and does not let go");
    ::poll(nullptr, 0, 10);
  }
  return fd;
}

// Nobody may be behind `path` afterwards: it is free, or held a socket on which nobody answered.
Result<void> clear(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) {
    if (errno == ENOENT) return {};
    return error_from_errno(errno, "control socket " + path);
  }
  if (!S_ISSOCK(st.st_mode))
    return Error{
        "control socket " + path +
            ": there is a file there that is no socket; it was left alone. Remove it, or set "
            "[keeper] control to another path",
        EEXIST};
  auto answered = connect_to(path, SOCK_NONBLOCK);
  if (answered || answered.error().code == EAGAIN) {  // EAGAIN: alive, but its queue is full
    ucred cred{};
    socklen_t len = sizeof cred;
    std::string pid;
    if (answered && ::getsockopt(answered->get(), SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
      pid = " (pid " + std::to_string(cred.pid) + ")";
    return Error{"a keeper" + pid + " already answers on the control socket " + path +
                     "; stop it, or give this one another control socket",
                 EADDRINUSE};
  }
  if (answered.error().code != ECONNREFUSED) return std::move(answered).error();
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return error_from_errno(errno, "control socket " + path + ": cannot remove the old one");
  return {};
}

// A POSIX ACL in the form the kernel takes (linux/posix_acl_xattr.h): the reading group must be
// able to connect, which needs write permission on the socket, and the file has only one group of
// its own.
struct AclEntry {
  std::uint16_t tag, perm;
  std::uint32_t id;
};
bool allow_group(const std::string& path, gid_t read) {
  constexpr std::uint32_t none = 0xffffffff;
  struct {
    std::uint32_t version = 2;
    AclEntry entries[5];
  } acl{2, {{0x01, 6, none}, {0x04, 6, none}, {0x08, 6, read}, {0x10, 6, none}, {0x20, 0, none}}};
  return ::setxattr(path.c_str(), "system.posix_acl_access", &acl, sizeof acl, 0) == 0;
}

}  // namespace

std::string runtime_directory(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void give_control_socket(const std::string& path, std::optional<gid_t> control,
                         std::optional<gid_t> read, std::vector<std::string>& warnings) {
  if (control && ::chown(path.c_str(), static_cast<uid_t>(-1), *control) != 0)
    warnings.push_back("control socket " + path + ": cannot give it to group " +
                       std::to_string(*control) + ": " + std::strerror(errno) +
                       "; members of that group cannot connect. Make the keeper's user a member");
  ::removexattr(path.c_str(), "system.posix_acl_access");
  if (::chmod(path.c_str(), 0660) != 0)
    warnings.push_back("control socket " + path +
                       ": cannot set its mode to 0660: " + std::strerror(errno));
  if (read && read != control && !allow_group(path, *read))
    warnings.push_back("control socket " + path + ": cannot let group " + std::to_string(*read) +
                       " (control_read_group) connect: " + std::strerror(errno) +
                       "; put the socket on a file system with ACLs, as /run is");
}

Result<Fd> open_control_socket(const std::string& path, std::optional<gid_t> control,
                               std::optional<gid_t> read, std::vector<std::string>& warnings) {
  const auto sa = address_of(path);
  if (!sa) return sa.error();
  const auto lock = lock_directory_of(path);
  if (!lock) return lock.error();
  if (auto cleared = clear(path); !cleared) return std::move(cleared).error();
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return error_from_errno(errno, "cannot make a UNIX socket");
  // The mode that bind(2) gives the file comes from the socket: nobody else's from the first
  // moment, without touching the umask of the process.
  ::fchmod(fd.get(), 0600);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*sa), sizeof *sa) != 0)
    return error_from_errno(errno, "cannot make the control socket " + path);
  give_control_socket(path, control, read, warnings);
  if (::listen(fd.get(), 64) != 0)
    return error_from_errno(errno, "cannot listen on the control socket " + path);
  return fd;
}

Result<Fd> connect_control_socket(const std::string& path) {
  return connect_to(path, 0);
}

}  // namespace peerhold
