// Address, Endpoint, Prefix: values with ==, parsed from and printed as the configuration has them.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace peerhold {

// An IPv4 or IPv6 address. IPv4-mapped IPv6 addresses are always normalised to IPv4.
struct Address {
  std::uint8_t family = 0;  // 4, 6, or 0 for none
  std::array<std::uint8_t, 16> bytes{};
  std::string scope;  // interface name of a link-local address, else empty

  static Result<Address> parse(
      std::string_view text);  // literals only; a name is an error that says why
  std::string to_string() const;
  bool is_loopback() const;  // 127.0.0.0/8 or ::1
  bool is_any() const;       // 0.0.0.0 or ::
  bool is_link_local() const;
  explicit operator bool() const { return family != 0; }
  auto operator<=>(const Address&) const = default;
};

// A socket's name: address and port, or a UNIX path ("unix:/run/x").
struct Endpoint {
  Address address;
  std::uint16_t port = 0;  // 0: none given
  std::string path;        // UNIX when not empty

  // "192.0.2.1:179", "[2001:db8::1]:179", "[fe80::1%eth0]:179", "unix:/path".
  static Result<Endpoint> parse(std::string_view text);
  // The same, or an address alone (port stays 0): `source`, a passive `peer`.
  static Result<Endpoint> parse_address_or_endpoint(std::string_view text);
  // From what the kernel tells (sockaddr_in, _in6, _un).
  static Endpoint from(const sockaddr* sa, socklen_t len);
  std::string to_string() const;
  bool is_unix() const { return !path.empty(); }
  bool is_set() const { return is_unix() || address; }
  // Fills `out`; with `mapped` an IPv4 address becomes ::ffff:a.b.c.d. Returns the length used. The
  // scope is resolved by if_nametoindex; an unknown one gives ENODEV in the error.
  Result<socklen_t> to_sockaddr(sockaddr_storage& out, bool mapped = false) const;
  auto operator<=>(const Endpoint&) const = default;
};

// Local and remote name of a socket, as getsockname/getpeername say.
Endpoint local_endpoint(int fd);
Endpoint remote_endpoint(int fd);

// Addresses that share the first `length` bits. Host bits are cleared by parse.
struct Prefix {
  Address address;
  std::uint8_t length = 0;  // 0…32 or 0…128

  static Result<Prefix> parse(std::string_view text);  // "192.0.2.0/24", or an address alone
  static Prefix host(Address address);                 // /32 or /128
  static Prefix around(Address address, std::uint8_t length);  // clears the host bits
  bool contains(const Address&) const;
  bool is_host() const { return length == (address.family == 4 ? 32 : 128); }
  std::string to_string() const;  // without "/32" for a host
  auto operator<=>(const Prefix&) const = default;
};

}  // namespace peerhold
