// Addresses, sockets' names and prefixes between text, kernel and value. Called by config and net.
//
// IPv4-mapped addresses (RFC 4291 §2.5.5.2) become IPv4 here and nowhere else; scopes are RFC
// 4007's.
#include "base/endpoint.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/units.hpp"

namespace peerhold {

namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Address from_v4(const void* bytes) {
  Address a;
  a.family = 4;
  std::memcpy(a.bytes.data(), bytes, 4);
  return a;
}

Address from_v6(const void* bytes) {
  const auto* b = static_cast<const std::uint8_t*>(bytes);
  if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), b)) return from_v4(b + 12);
  Address a;
  a.family = 6;
  std::memcpy(a.bytes.data(), b, 16);
  return a;
}

// Letters that no literal has, or a dot beside one: somebody wrote a name.
bool looks_like_a_name(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return false;
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

Error no_address(std::string_view text) {
  if (looks_like_a_name(text))
    return Error{
        quoted(text) +
        " is a host name: the key is bound to the peer's address, so the address itself is "
        "needed, such as 192.0.2.1 or 2001:db8::1"};
  return Error{quoted(text) + " is not an IPv4 or IPv6 address"};
}

Result<std::uint16_t> parse_port(std::string_view digits, std::string_view whole) {
  unsigned value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9' || value > 65535)
      return Error{quoted(whole) + ": the port is a number from 1 to 65535"};
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value == 0 || value > 65535)
    return Error{quoted(whole) + ": the port is a number from 1 to 65535"};
  return static_cast<std::uint16_t>(value);
}

Result<Endpoint> parse_unix(std::string_view text) {
  const std::string_view path = text.substr(5);
  if (path.empty() || path[0] != '/')
    return Error{quoted(text) + ": the path of a UNIX socket begins with /"};
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return Error{quoted(text) + ": the path of a UNIX socket has at most " +
                 std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes, this one " +
                 std::to_string(path.size())};
  if (path.find('\0') != std::string_view::npos)
    return Error{quoted(text) + ": a path holds no NUL"};
  Endpoint e;
  e.path = path;
  return e;
}

Result<Endpoint> with_port(std::string_view host, std::string_view port, std::string_view whole) {
  auto address = Address::parse(host);
  if (!address) return std::move(address).error();
  auto number = parse_port(port, whole);
  if (!number) return std::move(number).error();
  Endpoint e;
  e.address = std::move(*address);
  e.port = *number;
  return e;
}

Result<Endpoint> parse_name(std::string_view text, bool port_needed) {
  if (text.substr(0, 5) == "unix:") return parse_unix(text);
  std::string_view host = text, port;
  bool has_port = false;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Error{quoted(text) + ": the closing ] is missing"};
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':')
      return Error{quoted(text) + ": after ] comes a colon and the port"};
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
      has_port = true;
    }
  }
  if (has_port) return with_port(host, port, text);
  auto address = Address::parse(host);
  if (!address) return std::move(address).error();
  if (port_needed) {
    const bool v6 = host.find(':') != std::string_view::npos;
    return Error{quoted(text) + " has no port: write " +
                 quoted(v6 ? '[' + std::string(host) + "]:PORT" : std::string(host) + ":PORT")};
  }
  Endpoint e;
  e.address = std::move(*address);
  return e;
}

Endpoint name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t len = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &len) != 0) return {};
  return Endpoint::from(reinterpret_cast<const sockaddr*>(&storage), len);
}

void clear_host_bits(Address& address, unsigned length) {
  const unsigned size = address.family == 4 ? 4 : 16;
  for (unsigned i = 0; i < size; ++i) {
    const unsigned kept = length > i * 8 ? std::min(8U, length - i * 8) : 0;
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xff00U >> kept));
  }
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::string literal(text.substr(0, percent));
  std::array<std::uint8_t, 16> raw{};
  // inet_pton would stop at a NUL and take what stands before it.
  if (literal.empty() || literal.find('\0') != std::string::npos) return no_address(text);
  Address address;
  if (::inet_pton(AF_INET, literal.c_str(), raw.data()) == 1)
    address = from_v4(raw.data());
  else if (::inet_pton(AF_INET6, literal.c_str(), raw.data()) == 1)
    address = from_v6(raw.data());
  else
    return no_address(text);
  if (percent == std::string_view::npos) return address;
  const std::string_view scope = text.substr(percent + 1);
  if (!address.is_link_local())
    return Error{quoted(text) + ": only a link-local IPv6 address (fe80::/10) has a scope"};
  const bool odd = std::any_of(scope.begin(), scope.end(), [](char c) {
    return c <= ' ' || c == '/' || c == '%' || c == '[' || c == ']' || c == 0x7f;
  });
  if (scope.empty() || scope.size() >= IFNAMSIZ || odd)
    return Error{quoted(text) + ": after % comes the name of an interface, such as fe80::1%eth0"};
  address.scope = scope;
  return address;
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family == 0) return {};
  if (::inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text) == nullptr)
    return {};
  return scope.empty() ? text : std::string(text) + '%' + scope;
}

bool Address::is_loopback() const {
  if (family == 4) return bytes[0] == 127;
  return family == 6 && bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.begin() + 15, [](auto b) { return b == 0; });
}

bool Address::is_any() const {
  return family != 0 && std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; });
}

bool Address::is_link_local() const {
  return family == 6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  return parse_name(text, true);
}

Result<Endpoint> Endpoint::parse_address_or_endpoint(std::string_view text) {
  return parse_name(text, false);
}

Endpoint Endpoint::from(const sockaddr* sa, socklen_t len) {
  Endpoint e;
  if (sa == nullptr || len < sizeof(sa_family_t)) return e;
  if (sa->sa_family == AF_INET && len >= sizeof(sockaddr_in)) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(sa);
    e.address = from_v4(&in->sin_addr);
    e.port = ntohs(in->sin_port);
  } else if (sa->sa_family == AF_INET6 && len >= sizeof(sockaddr_in6)) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(sa);
    e.address = from_v6(&in6->sin6_addr);
    e.port = ntohs(in6->sin6_port);
    if (e.address.is_link_local() && in6->sin6_scope_id != 0) {
      char name[IF_NAMESIZE] = "";
      // An interface that has just gone still has its number.
      e.address.scope = ::if_indextoname(in6->sin6_scope_id, name) != nullptr
                            ? std::string(name)
                            : std::to_string(in6->sin6_scope_id);
    }
  } else if (sa->sa_family == AF_UNIX && len > offsetof(sockaddr_un, sun_path)) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(sa);
    const std::size_t room =
        std::min<std::size_t>(len - offsetof(sockaddr_un, sun_path), sizeof un->sun_path);
    if (un->sun_path[0] != '\0')
      e.path.assign(un->sun_path, ::strnlen(un->sun_path, room));
    else
      e.path = '@' + std::string(un->sun_path + 1, room - 1);  // abstract, only ever printed
  }
  return e;
}

std::string Endpoint::to_string() const {
  if (is_unix()) return "unix:" + path;
  if (port == 0) return address.to_string();
  const std::string host = address.to_string();
  return (address.family == 6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

Result<socklen_t> Endpoint::to_sockaddr(sockaddr_storage& out, bool mapped) const {
  out = {};
  if (is_unix()) {
    auto* un = reinterpret_cast<sockaddr_un*>(&out);
    if (path.size() >= sizeof un->sun_path)
      return error_from_errno(ENAMETOOLONG, "UNIX socket " + quoted(path), Cause::resource);
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, path.data(), path.size());
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  }
  if (address.family == 4 && !mapped) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::memcpy(&in->sin_addr, address.bytes.data(), 4);
    return static_cast<socklen_t>(sizeof(sockaddr_in));
  }
  if (address.family == 0)
    return error_from_errno(EINVAL, "an endpoint without an address cannot be used");
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&out);
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  if (address.family == 4) {
    std::memcpy(&in6->sin6_addr, mapped_prefix.data(), 12);
    std::memcpy(in6->sin6_addr.s6_addr + 12, address.bytes.data(), 4);
  } else {
    std::memcpy(&in6->sin6_addr, address.bytes.data(), 16);
  }
  if (!address.scope.empty()) {
    in6->sin6_scope_id = ::if_nametoindex(address.scope.c_str());
    if (in6->sin6_scope_id == 0)
      return error_from_errno(ENODEV,
                              to_string() + ": there is no interface " + quoted(address.scope),
                              Cause::resource);
  }
  return static_cast<socklen_t>(sizeof(sockaddr_in6));
}

Endpoint local_endpoint(int fd) {
  return name_of(fd, [](int s, sockaddr* sa, socklen_t* len) { return ::getsockname(s, sa, len); });
}

Endpoint remote_endpoint(int fd) {
  return name_of(fd, [](int s, sockaddr* sa, socklen_t* len) { return ::getpeername(s, sa, len); });
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::move(address).error();
  if (slash == std::string_view::npos) return host(std::move(*address));
  const std::string_view digits = text.substr(slash + 1);
  // "::ffff:192.0.2.0/120" has become 192.0.2.0; its length counts the 96 bits before it.
  const bool was_mapped = address->family == 4 && text.find(':') < slash;
  const unsigned least = was_mapped ? 96 : 0, most = address->family == 4 && !was_mapped ? 32 : 128;
  unsigned length = 0;
  bool good = !digits.empty() && digits.size() <= 3;
  for (char c : digits) {
    good = good && c >= '0' && c <= '9';
    if (good) length = length * 10 + static_cast<unsigned>(c - '0');
  }
  if (!good || length < least || length > most)
    return Error{quoted(text) + ": the length of this prefix is a number from " +
                 std::to_string(least) + " to " + std::to_string(most)};
  return around(std::move(*address), static_cast<std::uint8_t>(length - least));
}

Prefix Prefix::host(Address address) {
  const std::uint8_t length = address.family == 4 ? 32 : 128;
  return Prefix{std::move(address), length};
}

Prefix Prefix::around(Address address, std::uint8_t length) {
  clear_host_bits(address, length);
  return Prefix{std::move(address), length};
}

bool Prefix::contains(const Address& other) const {
  if (address.family == 0 || other.family != address.family) return false;
  // fe80::/64 on two interfaces are two networks; a prefix that names none means any.
  if (!address.scope.empty() && address.scope != other.scope) return false;
  const unsigned whole = length / 8, rest = length % 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, other.bytes.begin()))
    return false;
  return rest == 0 || ((address.bytes[whole] ^ other.bytes[whole]) & (0xff00U >> rest) & 0xff) == 0;
}

std::string Prefix::to_string() const {
  return is_host() ? address.to_string() : address.to_string() + '/' + std::to_string(length);
}

}  // namespace peerhold
