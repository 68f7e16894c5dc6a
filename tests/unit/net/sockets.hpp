// Plain sockets to test against: the far ends, which know nothing of the code under test.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../loop/turning.hpp"
#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "net/key.hpp"

namespace peerhold {

inline Key key_of(std::string text, std::uint32_t id = 1) {
  Key key;
  key.id = id;
  key.secret = *Secret::take({reinterpret_cast<unsigned char*>(text.data()), text.size()});
  return key;
}

inline Endpoint endpoint(std::string_view text) {
  return *Endpoint::parse_address_or_endpoint(text);
}
inline Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

// A blocking TCP socket bound to `at` (port 0: any).
inline Fd bound(const Endpoint& at) {
  Fd fd(socket(at.address.family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = at.to_sockaddr(address);
  REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0);
  return fd;
}

inline bool connect_to(const Fd& fd, const Endpoint& to) {
  sockaddr_storage address{};
  const auto length = to.to_sockaddr(address);
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0;
}

inline void unblock(const Fd& fd) {
  REQUIRE(fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK) == 0);
}

struct Ends {
  Fd ours, far;  // `ours` does not block, `far` does
};

inline Ends tcp_ends() {
  const Fd listener = bound(endpoint("127.0.0.1"));
  REQUIRE(listen(listener.get(), 1) == 0);
  Ends ends;
  ends.far = bound(endpoint("127.0.0.2"));
  REQUIRE(connect_to(ends.far, local_endpoint(listener.get())));
  ends.ours.reset(accept(listener.get(), nullptr, nullptr));
  unblock(ends.ours);
  return ends;
}

inline Ends unix_ends() {
  int two[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two) == 0);
  Ends ends{Fd(two[0]), Fd(two[1])};
  unblock(ends.ours);
  return ends;
}

inline std::vector<std::uint8_t> random_bytes(std::size_t n, unsigned long seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(n);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace peerhold
