// Keys on sockets: TCP-MD5 (RFC 2385) as Linux has it. Called by the dialer, the listener and by
// whoever moves a live link to another key. Owns nothing; the struct that bears a key is wiped
// before it goes.
//
// <linux/tcp.h>, here and everywhere: glibc's <netinet/tcp.h> lacks the field names of older
// kernels' extension and cannot be included beside it.
#include "net/tcp_auth.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/fd.hpp"

namespace peerhold::tcp_auth {
namespace {

constexpr std::size_t bytes_per_key = 136;  // struct tcp_md5sig_key, charged to the socket's optmem
constexpr std::size_t default_optmem = 131072;
constexpr int add_tcp_ao_key = 38;  // TCP_AO_ADD_KEY, absent from older headers

struct Wiped : tcp_md5sig {
  Wiped() : tcp_md5sig{} {}
  ~Wiped() { wipe(static_cast<tcp_md5sig*>(this), sizeof(tcp_md5sig)); }
};

// The address as the socket's own family wants it. The kernel takes only ::ffff:a.b.c.d for an IPv4
// peer of an IPv6 socket, and then counts the prefix in bits of the IPv4 part.
Result<void> fill_address(int fd, const Prefix& who, tcp_md5sig& sig) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
    return error_from_errno(errno, "cannot set a TCP-MD5 key for " + who.to_string(),
                            Cause::internal);
  const std::uint8_t* bytes = who.address.bytes.data();
  if (domain == AF_INET && who.address.family == 4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    std::memcpy(&in.sin_addr, bytes, 4);
    std::memcpy(&sig.tcpm_addr, &in, sizeof in);
  } else if (domain == AF_INET6 && who.address.family != 0) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    std::uint8_t* out = in.sin6_addr.s6_addr;
    if (who.address.family == 4) {
      out[10] = out[11] = 0xff;
      std::memcpy(out + 12, bytes, 4);
    } else {
      std::memcpy(out, bytes, 16);
    }
    std::memcpy(&sig.tcpm_addr, &in, sizeof in);
  } else {
    return Error{"cannot set a TCP-MD5 key for " + who.to_string() +
                     ": the socket is of the other address family",
                 EAFNOSUPPORT, Cause::internal};
  }
  return {};
}

// One call for all: a host goes by the plain option, which every kernel with TCP-MD5 has.
int apply(int fd, const Prefix& who, tcp_md5sig& sig) {
  int option = TCP_MD5SIG;
  if (!who.is_host()) {
    option = TCP_MD5SIG_EXT;
    sig.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
    sig.tcpm_prefixlen = who.length;
  }
  return setsockopt(fd, IPPROTO_TCP, option, &sig, sizeof sig) < 0 ? errno : 0;
}

Error refused(int err, const Prefix& who) {
  const std::string what = "cannot set a TCP-MD5 key for " + who.to_string();
  if (err == ENOMEM) {
    const std::size_t now = optmem_max();
    return {what + ": no room for another key on this socket: net.core.optmem_max is " +
                std::to_string(now) + ", enough for " + std::to_string(keys_per_socket()) +
                " keys; raise it with `sysctl -w net.core.optmem_max=" + std::to_string(now * 2) +
                "`, or let one key serve a prefix by [[listen]]",
            err, Cause::resource};
  }
  if (err == ENOPROTOOPT)
    return {what + ": this kernel has no TCP-MD5 (" + std::string(kernel_option) +
                "), or the socket is MPTCP",
            err, Cause::resource};
  return error_from_errno(err, what, Cause::internal);
}

Result<void> set_secret(int fd, const Prefix& who, const Secret& secret) {
  if (!secret)  // an empty key would delete the key and leave the link open to everybody
    return Error{"cannot set a TCP-MD5 key for " + who.to_string() + ": the key is empty", EINVAL,
                 Cause::internal};
  Wiped sig;
  if (auto filled = fill_address(fd, who, sig); !filled) return std::move(filled).error();
  const int err = secret.use([&](std::span<const unsigned char> bytes) {
    sig.tcpm_keylen = static_cast<__u16>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), sig.tcpm_key);
    return apply(fd, who, sig);
  });
  if (err != 0) return refused(err, who);
  return {};
}

Prefix everything(std::uint8_t family) {
  Prefix all;
  all.address.family = family;
  return all;
}

}  // namespace

Result<void> set_key(int fd, const Prefix& who, const Key& key) {
  return set_secret(fd, who, key.secret);
}

Result<void> remove_key(int fd, const Prefix& who) {
  Wiped sig;
  if (auto filled = fill_address(fd, who, sig); !filled) return std::move(filled).error();
  const int err = apply(fd, who, sig);
  if (err == 0 || err == ENOENT) return {};
  return error_from_errno(err, "cannot remove the TCP-MD5 key for " + who.to_string(),
                          Cause::internal);
}

Result<void> silence(int fd, const Prefix& who) {
  return set_secret(fd, who, Secret::random(32));
}

Result<void> silence_others(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  if (domain == AF_INET6)
    if (auto six = silence(fd, everything(6)); !six) return six;
  return silence(fd, everything(4));
}

Support probe() {
  Support found;
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    found.text = error_from_errno(errno, "cannot open a socket to look for TCP-MD5").text;
    return found;
  }
  Address nobody;
  nobody.family = 4;
  nobody.bytes = {127, 0, 0, 1};
  const auto set = silence(fd.get(), Prefix::host(nobody));
  found.tcp_md5 = set.has_value();
  if (!set) found.text = set.error().text;
  // All zeros is no key: a kernel with TCP-AO says so, one without does not know the option.
  const unsigned char nothing[288] = {};
  found.tcp_ao = setsockopt(fd.get(), IPPROTO_TCP, add_tcp_ao_key, nothing, sizeof nothing) == 0 ||
                 errno != ENOPROTOOPT;
  return found;
}

std::size_t optmem_max() {
  std::size_t value = 0;
  std::ifstream file("/proc/sys/net/core/optmem_max");
  return file >> value ? value : default_optmem;
}

std::size_t keys_per_socket() {
  return optmem_max() == 0 ? 0 : (optmem_max() - 1) / bytes_per_key;
}

std::size_t optmem_needed(std::size_t keys) {
  return keys * bytes_per_key + 1;
}

}  // namespace peerhold::tcp_auth
