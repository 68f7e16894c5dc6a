// Asks the kernel for its way to an address. Called by the keeper's diagnosis. A connected UDP
// socket goes the way that a link would (its VRF, too); the device at its end is known to
// rtnetlink(7).
#include "net/route.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.hpp"

namespace peerhold {
namespace {

struct Request {
  nlmsghdr header{};
  rtmsg route{};
  std::array<char, 64> attributes{};

  void add(unsigned short type, const void* data, std::size_t size) {
    auto* at = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(this) + header.nlmsg_len);
    at->rta_type = type;
    at->rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
    std::memcpy(RTA_DATA(at), data, size);
    header.nlmsg_len += RTA_ALIGN(at->rta_len);
  }
};

// The index of the device by which the kernel would send; 0: not known.
int device_to(const Address& to, const Address& from, int bound_to) {
  const bool v4 = to.family == 4;
  const std::size_t size = v4 ? 4 : 16;
  Request request;
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.route.rtm_family = v4 ? AF_INET : AF_INET6;
  request.route.rtm_dst_len = static_cast<unsigned char>(size * 8);
  request.add(RTA_DST, to.bytes.data(), size);
  if (from) {
    request.route.rtm_src_len = request.route.rtm_dst_len;
    request.add(RTA_SRC, from.bytes.data(), size);
  }
  if (bound_to != 0) request.add(RTA_OIF, &bound_to, sizeof bound_to);
  const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd || ::send(fd.get(), &request, request.header.nlmsg_len, 0) < 0) return 0;
  alignas(nlmsghdr) std::array<char, 4096> answer{};
  // The kernel has answered before send() returns.
  const ssize_t n = recv(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (n < 0 || !NLMSG_OK(header, static_cast<std::size_t>(n)) || header->nlmsg_type != RTM_NEWROUTE)
    return 0;
  auto left = static_cast<int>(RTM_PAYLOAD(header));
  const void* const payload = header + 1;
  for (auto* at = RTM_RTA(payload); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type != RTA_OIF) continue;
    int found = 0;
    std::memcpy(&found, RTA_DATA(at), sizeof found);
    return found;
  }
  return 0;
}

std::string trouble_of(int socket, int device) {
  ifreq asked{};
  if (device == 0 || if_indextoname(static_cast<unsigned>(device), asked.ifr_name) == nullptr ||
      ioctl(socket, SIOCGIFFLAGS, &asked) < 0)
    return {};
  const auto flags = static_cast<unsigned>(asked.ifr_flags);
  if ((flags & IFF_UP) == 0) return std::string(asked.ifr_name) + " is down";
  if ((flags & IFF_RUNNING) == 0) return std::string(asked.ifr_name) + " has no carrier";
  return {};
}

}  // namespace

std::string no_way(const Address& to, const Address& from, const std::string& interface) {
  const Fd fd(socket(to.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  if (!interface.empty() && setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                                       static_cast<socklen_t>(interface.size())) < 0)
    return errno == ENODEV ? "there is no interface " + interface : std::string();
  sockaddr_storage name{};
  const bool given = from && !from.is_any();
  if (given) {
    const auto length = Endpoint{from, 0, {}}.to_sockaddr(name);
    if (!length) return {};
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&name), *length) < 0)
      return errno == EADDRNOTAVAIL
                 ? from.to_string() + " is not on this host, or its interface is down"
                 : std::string();
  }
  constexpr std::uint16_t discard = 9;  // any port: connecting sends nothing
  const auto length = Endpoint{to, discard, {}}.to_sockaddr(name);
  if (!length) return {};
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&name), *length) < 0) {
    const int err = errno;
    if (err != ENETUNREACH && err != EHOSTUNREACH && err != ENETDOWN && err != EACCES) return {};
    return "this host has no route to " + to.to_string() +
           (given ? " from " + from.to_string() : "") + " (" + std::strerror(err) + ")";
  }
  int bound_to = 0;
  socklen_t size = sizeof bound_to;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &bound_to, &size) < 0) bound_to = 0;
  if (bound_to == 0 && !to.scope.empty())
    bound_to = static_cast<int>(if_nametoindex(to.scope.c_str()));
  const std::string trouble =
      trouble_of(fd.get(), device_to(to, given ? from : Address{}, bound_to));
  return trouble.empty() ? trouble : trouble + ", by which the way to " + to.to_string() + " leads";
}

}  // namespace peerhold
