// The TCP-MD5 socket layer (RFC 2385): the only code that knows TCP_MD5SIG.
//
// Works on any TCP socket, IPv4 and IPv6, IPv4 peers on IPv6 sockets included (the key's address is
// mapped when the socket is IPv6). What Linux does in each case: docs/kernel.md.
#pragma once

#include <string_view>

#include "base/endpoint.hpp"
#include "net/key.hpp"

namespace peerhold::tcp_auth {

// Signs and checks everything between `fd` and the addresses in `who` with `key`. Before connect()
// and listen(); replaces a key for the same prefix. Errors say the remedy: ENOPROTOOPT (no TCP-MD5
// in the kernel), ENOMEM (net.core.optmem_max, with the sysctl and a value).
Result<void> set_key(int fd, const Prefix& who, const Key& key);
// Removing a key that is not there is not an error.
Result<void> remove_key(int fd, const Prefix& who);
// A random key for `who`: whoever is in it and in no longer prefix meets silence.
Result<void> silence(int fd, const Prefix& who);
// The same for every other address (0.0.0.0/0, and ::/0 on an IPv6 socket): whoever is not
// configured meets silence instead of a handshake. Before the claims' own keys, one of which may be
// /0.
Result<void> silence_others(int fd);

// What a kernel must be built with.
inline constexpr std::string_view kernel_option = "CONFIG_TCP_MD5SIG";

struct Support {
  bool tcp_md5 = false;
  bool tcp_ao = false;  // the kernel has it; peerhold does not use it yet
  std::string text;     // why not, in words, when tcp_md5 is false
};
Support probe();
std::size_t optmem_max();  // net.core.optmem_max, the room for one socket's keys
// How many keys one socket takes at the present net.core.optmem_max, and the value `keys` would
// need.
std::size_t keys_per_socket();
std::size_t optmem_needed(std::size_t keys);

}  // namespace peerhold::tcp_auth
