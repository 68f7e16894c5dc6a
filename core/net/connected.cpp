#include "net/connected.hpp"

#include <sys/socket.h>

#include <cstring>

namespace peerhold {
namespace {

SocketName name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &length) < 0) return {};
  return {reinterpret_cast<sockaddr*>(&address), length};
}

}  // namespace

SocketName::SocketName(const sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_UNIX || length > bytes_.size()) return;
  std::memcpy(bytes_.data(), address, length);
  length_ = static_cast<std::uint8_t>(length);
}

SocketName SocketName::local_of(int fd) {
  return name_of(fd, [](int s, sockaddr* a, socklen_t* n) { return getsockname(s, a, n); });
}

SocketName SocketName::remote_of(int fd) {
  return name_of(fd, [](int s, sockaddr* a, socklen_t* n) { return getpeername(s, a, n); });
}

Endpoint SocketName::endpoint() const {
  sockaddr_storage address{};
  std::memcpy(&address, bytes_.data(), bytes_.size());
  return length_ == 0 ? Endpoint{} : Endpoint::from(reinterpret_cast<sockaddr*>(&address), length_);
}

}  // namespace peerhold
