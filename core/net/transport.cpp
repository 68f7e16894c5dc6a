// Socket options of [session.transport]: which call sets what, on which family. Called by the
// dialer, the listener and by sessions when they take an accepted socket or their options change.
// RFC 5082 (GTSM), RFC 5482 (user timeout), RFC 2474 (DSCP).
#include "net/transport.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace peerhold {
namespace {

int domain_of(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ? AF_UNSPEC : domain;
}

Result<void> set(int fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof value) == 0) return {};
  return error_from_errno(errno, std::string("cannot set ") + what + " = " + std::to_string(value),
                          Cause::resource);
}

// Runs setters until one fails.
template <class... Setters>
Result<void> all(Setters... setters) {
  Result<void> result;
  ((result = setters(), result.has_value()) && ...);
  return result;
}

// IPv4 peers of an IPv6 socket are governed by the IPv4 options, so an IPv6 socket gets both.
Result<void> set_both(int fd, bool six, int v4, int v6, int value, const char* what) {
  auto four = set(fd, IPPROTO_IP, v4, value, what);
  if (!four || !six) return four;
  return set(fd, IPPROTO_IPV6, v6, value, what);
}

Result<void> set_hops(int fd, bool six, const Transport& t) {
  // Unset is written out as well: an accepted socket inherits its listener's bound, and the
  // listener may serve a session that has one beside this one that has none.
  const bool bounded = t.ttl_security_hops.has_value();
  const int ttl = bounded ? 255 : -1;
  const int least = bounded ? 256 - static_cast<int>(*t.ttl_security_hops) : 0;
  return all([&] { return set_both(fd, six, IP_TTL, IPV6_UNICAST_HOPS, ttl, "the TTL"); },
             [&] {
               return set_both(fd, six, IP_MINTTL, IPV6_MINHOPCOUNT, least,
                               "the least TTL (ttl_security_hops)");
             });
}

Result<void> set_keepalive(int fd, const Transport& t, bool fresh) {
  if (!t.keepalive) return set(fd, SOL_SOCKET, SO_KEEPALIVE, 0, "keepalive");
  const auto up = std::chrono::ceil<std::chrono::seconds>(*t.keepalive).count();
  const int seconds = static_cast<int>(std::clamp<std::int64_t>(up, 1, 32767));
  // TCP_KEEPIDLE sends the first probe at once where the link has rested for so long, and when the
  // second one follows is decided there: what it is decided by comes first.
  return all([&] { return set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds, "keepalive"); },
             [&] {
               // Under a user timeout that one says how many are too many (tcp_keepalive_timer).
               if (fresh && t.user_timeout) return Result<void>{};
               return set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3, "keepalive");
             },
             [&] { return set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds, "keepalive"); },
             [&] { return set(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "keepalive"); });
}

int use_congestion(int fd, const std::string& name) {
  return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                    static_cast<socklen_t>(name.size())) == 0
             ? 0
             : errno;
}

Result<void> set_congestion(int fd, const Transport& t, bool is_signed) {
  if (t.congestion == "auto") {
    // Pacing costs signed links 2.5 times: the digest already rules out offloading. Whichever of
    // the two this user may set will do; with neither the system's choice stays.
    if (is_signed && use_congestion(fd, "cubic") != 0) use_congestion(fd, "reno");
    return {};
  }
  const int err = use_congestion(fd, t.congestion);
  if (err == 0) return {};
  const std::string what = "cannot use congestion control \"" + t.congestion + "\"";
  if (err == ENOENT)
    return Error{
        what + ": this kernel does not have it (net.ipv4.tcp_available_congestion_control)", err,
        Cause::resource};
  if (err == EPERM)
    return Error{
        what + ": not in net.ipv4.tcp_allowed_congestion_control; add it there, or say \"auto\"",
        err, Cause::resource};
  return error_from_errno(err, what, Cause::resource);
}

// `has`: what the socket bears; null: not known. `family`: the socket's own, 0: not known (an IPv4
// peer that was accepted may sit on an IPv6 socket); else it was just made, and bears nothing.
Result<void> apply(int fd, const Transport& t, bool is_signed, const Transport* has,
                   int family = 0) {
  const bool fresh = family != 0;
  const int timeout =
      t.user_timeout ? static_cast<int>(std::min<std::int64_t>(t.user_timeout->count(), INT32_MAX))
                     : 0;
  const int tos = t.dscp ? static_cast<int>(*t.dscp << 2) : 0;
  const auto same = [&](auto Transport::*option) {
    return has != nullptr && has->*option == t.*option;
  };
  const auto unless_same = [&](auto Transport::*option, auto&& setter) -> Result<void> {
    if (same(option)) return {};
    return setter();
  };
  const bool two_options = !same(&Transport::ttl_security_hops) || !same(&Transport::dscp);
  const bool six = two_options && (fresh ? family == 6 : domain_of(fd) == AF_INET6);
  return all(
      [&] {
        return unless_same(&Transport::ttl_security_hops, [&] { return set_hops(fd, six, t); });
      },
      [&] {
        return unless_same(&Transport::user_timeout, [&] {
          return set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout, "user_timeout");
        });
      },
      [&] {
        return unless_same(&Transport::keepalive, [&] { return set_keepalive(fd, t, fresh); });
      },
      [&] {
        return unless_same(&Transport::dscp,
                           [&] { return set_both(fd, six, IP_TOS, IPV6_TCLASS, tos, "dscp"); });
      },
      [&] {
        return unless_same(&Transport::congestion,
                           [&] { return set_congestion(fd, t, is_signed); });
      });
}

}  // namespace

Result<void> prepare_socket(int fd, int family, const Transport& t) {
  if (family == 6)
    if (auto only = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, t.v6only ? 1 : 0, "v6only"); !only)
      return only;
  if (!t.interface.empty() && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, t.interface.c_str(),
                                         static_cast<socklen_t>(t.interface.size() + 1)) < 0)
    return error_from_errno(errno, "cannot use interface \"" + t.interface + "\"", Cause::resource);
  if (t.freebind) {
    auto free = family == 6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1, "freebind")
                            : set(fd, IPPROTO_IP, IP_FREEBIND, 1, "freebind");
    if (!free) return free;
  }
  // An urgent byte is one of the stream (RFC 6093); else recv(2) would leave it out. Accepted
  // sockets inherit both.
  if (auto in_line = set(fd, SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE"); !in_line) return in_line;
  if (auto at_once = set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); !at_once) return at_once;
  if (t.mss) return set(fd, IPPROTO_TCP, TCP_MAXSEG, static_cast<int>(*t.mss), "mss");
  return {};
}

Result<void> reuse_address(int fd) {
  return set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
}

Result<void> apply_live(int fd, const Transport& t, bool is_signed, const Transport* has) {
  return apply(fd, t, is_signed, has);
}

Result<void> apply_new(int fd, int family, const Transport& t, bool is_signed) {
  Transport nothing;
  nothing.congestion.clear();  // "auto" is something to be set
  return apply(fd, t, is_signed, &nothing, family);
}

Result<void> apply_accepted(int fd, const Transport& t, bool is_signed,
                            const Transport& inherited) {
  Transport has = inherited;
  // With net.ipv4.tcp_reflect_tos it has the peer's.
  if (has.dscp || t.dscp) has.dscp = 64;  // nobody's
  return apply(fd, t, is_signed, &has);
}

bool abort_connection(int fd) {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  // The bare call: ThreadSanitizer takes connect() for the making of a new descriptor, and so for a
  // race with the mover to which this one may be lent.
  return syscall(SYS_connect, fd, &none, sizeof none) == 0;
}

}  // namespace peerhold
