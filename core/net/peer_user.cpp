// Whose process holds the other end of a local connection: unix(7) and sock_diag(7). Called for
// each app that attaches where `app_users` is set, and by the control socket.
#include "net/peer_user.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/endpoint.hpp"
#include "base/fd.hpp"

namespace peerhold {
namespace {

constexpr std::uint8_t tcp_listen = 10;  // TCP_LISTEN

Error unknown(std::string why) {
  return {"cannot tell which user is at the other end: " + std::move(why), EPERM, Cause::internal};
}

Error unknown_errno(int err, const char* call) {
  return error_from_errno(err, std::string("cannot tell which user is at the other end: ") + call,
                          Cause::internal);
}

Result<PeerUser> unix_user(int fd) {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
    return unknown_errno(errno, "SO_PEERCRED");
  PeerUser user{who.uid, who.gid, who.pid, {}};
  user.groups.resize(32);
  while (true) {
    size = static_cast<socklen_t>(user.groups.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, user.groups.data(), &size) == 0) break;
    if (errno != ERANGE) return unknown_errno(errno, "SO_PEERGROUPS");
    user.groups.resize(size / sizeof(gid_t));  // the kernel says how many there are
  }
  user.groups.resize(size / sizeof(gid_t));
  if (std::find(user.groups.begin(), user.groups.end(), user.gid) == user.groups.end())
    user.groups.push_back(user.gid);
  return user;
}

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

// Asks for exactly the socket whose own address is `own` and whose far end is `far`.
Question question(const Endpoint& own, const Endpoint& far) {
  Question ask{};
  ask.header.nlmsg_len = sizeof ask;
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST;
  inet_diag_req_v2& r = ask.request;
  const std::size_t length = own.address.family == 4 ? 4 : 16;
  r.sdiag_family = own.address.family == 4 ? AF_INET : AF_INET6;
  r.sdiag_protocol = IPPROTO_TCP;
  r.idiag_states = ~0U;
  r.id.idiag_sport = htons(own.port);
  r.id.idiag_dport = htons(far.port);
  std::memcpy(r.id.idiag_src, own.address.bytes.data(), length);
  std::memcpy(r.id.idiag_dst, far.address.bytes.data(), length);
  r.id.idiag_cookie[0] = r.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return ask;
}

Result<PeerUser> tcp_user(const Endpoint& local, const Endpoint& remote) {
  const std::string name = remote.to_string();
  if (!remote.address.is_loopback()) return unknown(name + " is not a loopback address");
  const Fd diag(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!diag) return unknown_errno(errno, "sock_diag");
  const Question ask = question(remote, local);
  if (send(diag.get(), &ask, sizeof ask, 0) < 0) return unknown_errno(errno, "sock_diag");

  alignas(nlmsghdr) char buffer[8192];
  const ssize_t n = recv(diag.get(), buffer, sizeof buffer, 0);
  if (n < 0) return unknown_errno(errno, "sock_diag");
  nlmsghdr header{};
  if (static_cast<std::size_t>(n) < sizeof header) return unknown("a short answer");
  std::memcpy(&header, buffer, sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR) {
    nlmsgerr error{};
    if (static_cast<std::size_t>(n) >= NLMSG_LENGTH(sizeof error))
      std::memcpy(&error, buffer + NLMSG_HDRLEN, sizeof error);
    return unknown_errno(-error.error, "sock_diag");
  }
  inet_diag_msg found{};
  if (static_cast<std::size_t>(n) < NLMSG_LENGTH(sizeof found)) return unknown("a short answer");
  std::memcpy(&found, buffer + NLMSG_HDRLEN, sizeof found);
  // Where the connection is gone the kernel answers with a listener on that address, and a socket
  // that no process holds any more (inode 0) counts as root's.
  if (found.idiag_state == tcp_listen || ntohs(found.id.idiag_dport) != local.port)
    return unknown(name + " is connected no more");
  if (found.idiag_inode == 0) return unknown(name + " is closed already");
  return PeerUser{found.idiag_uid, 0, 0, {}};
}

}  // namespace

Result<PeerUser> peer_user(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
    return unknown_errno(errno, "SO_DOMAIN");
  if (domain == AF_UNIX) return unix_user(fd);
  return tcp_user(local_endpoint(fd), remote_endpoint(fd));
}

}  // namespace peerhold
