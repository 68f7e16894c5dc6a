// What the configuration may write for an address, and what the kernel hands over.
#include "base/endpoint.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/fd.hpp"

namespace peerhold {
namespace {

template <class T>
std::string shown(const Result<T>& r) {
  return r ? r->to_string() : "error: " + r.error().text;
}
std::string address(std::string_view text) {
  return shown(Address::parse(text));
}
std::string endpoint(std::string_view text) {
  return shown(Endpoint::parse(text));
}
std::string either(std::string_view text) {
  return shown(Endpoint::parse_address_or_endpoint(text));
}
std::string prefix(std::string_view text) {
  return shown(Prefix::parse(text));
}
bool is_error(const std::string& text) {
  return text.rfind("error: ", 0) == 0;
}
Address literal(std::string_view text) {
  auto a = Address::parse(text);
  REQUIRE(a);
  return *a;
}

TEST_CASE("addresses") {
  CHECK(address("192.0.2.1") == "192.0.2.1");
  CHECK(address("2001:DB8:0::1") == "2001:db8::1");
  CHECK(address("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(literal("::ffff:192.0.2.1") == literal("192.0.2.1"));
  CHECK(address("fe80::1%eth0") == "fe80::1%eth0");
  CHECK(literal("fe80::1%eth0") != literal("fe80::1"));
  for (const char* text : {"", "192.0.2", "192.0.2.256", "192.0.2.01", "1.2.3.4.5", "::g", "[::1]",
                           " 192.0.2.1", "192.0.2.1%eth0", "2001:db8::1%eth0", "fe80::1%",
                           "fe80::1%a/b", "fe80::1%an-interface-too-long", "::ffff:1.2.3.4%eth0"}) {
    CAPTURE(text);
    CHECK(is_error(address(text)));
  }
  CHECK(is_error(address(std::string_view("192.0.2.1\0x", 11))));
}

TEST_CASE("a host name is refused with the reason") {
  CHECK(address("router.example").find("key is bound") != std::string::npos);
  CHECK(endpoint("router.example:179").find("key is bound") != std::string::npos);
  CHECK(address("192.0.2.300").find("key is bound") == std::string::npos);
}

TEST_CASE("kinds of addresses") {
  CHECK(literal("127.1.2.3").is_loopback());
  CHECK(literal("::1").is_loopback());
  CHECK(literal("::ffff:127.0.0.1").is_loopback());
  CHECK_FALSE(literal("::").is_loopback());
  CHECK_FALSE(literal("128.0.0.1").is_loopback());
  CHECK_FALSE(literal("2::1").is_loopback());
  CHECK(literal("0.0.0.0").is_any());
  CHECK(literal("::").is_any());
  CHECK_FALSE(literal("::1").is_any());
  CHECK_FALSE(Address().is_any());
  CHECK(literal("febf::1").is_link_local());
  CHECK_FALSE(literal("fec0::1").is_link_local());
  CHECK_FALSE(literal("169.254.0.1").is_link_local());
}

TEST_CASE("endpoints") {
  CHECK(endpoint("192.0.2.1:179") == "192.0.2.1:179");
  CHECK(endpoint("[2001:db8::1]:179") == "[2001:db8::1]:179");
  CHECK(endpoint("[fe80::1%eth0]:65535") == "[fe80::1%eth0]:65535");
  CHECK(endpoint("[::ffff:192.0.2.1]:1") == "192.0.2.1:1");
  CHECK(endpoint("unix:/run/a b") == "unix:/run/a b");
  for (const char* text :
       {"", ":179", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:179x",
        "192.0.2.1:-1", "192.0.2.1: 179", "192.0.2.1:99999999999999999999", "2001:db8::1:179x",
        "[2001:db8::1]", "[2001:db8::1]179", "[2001:db8::1", "[]:179", "unix:", "unix:relative",
        "*:179"}) {
    CAPTURE(text);
    CHECK(is_error(endpoint(text)));
  }
  CHECK(endpoint("2001:db8::1").find("[2001:db8::1]:PORT") != std::string::npos);
  CHECK(endpoint("192.0.2.1").find("192.0.2.1:PORT") != std::string::npos);
  CHECK_FALSE(is_error(endpoint("unix:/" + std::string(106, 'x'))));
  CHECK(is_error(endpoint("unix:/" + std::string(107, 'x'))));
}

TEST_CASE("an address alone, where that is allowed") {
  CHECK(either("192.0.2.1") == "192.0.2.1");
  CHECK(either("2001:db8::1") == "2001:db8::1");
  CHECK(either("[2001:db8::1]") == "2001:db8::1");
  CHECK(either("192.0.2.1:179") == "192.0.2.1:179");
  CHECK(either("[::]:179") == "[::]:179");
  CHECK(either("unix:/x") == "unix:/x");
  CHECK(is_error(either("192.0.2.1:")));
  CHECK(is_error(either("name")));
}

TEST_CASE("to the kernel and back") {
  for (const char* text :
       {"192.0.2.1:179", "[2001:db8::1]:179", "[fe80::1%lo]:179", "unix:/run/x.sock"}) {
    CAPTURE(text);
    const auto e = Endpoint::parse(text);
    REQUIRE(e);
    sockaddr_storage sa;
    const auto len = e->to_sockaddr(sa);
    REQUIRE(len);
    CHECK(Endpoint::from(reinterpret_cast<const sockaddr*>(&sa), *len) == *e);
  }
  const auto v4 = Endpoint::parse("192.0.2.1:179");
  sockaddr_storage sa;
  const auto len = v4->to_sockaddr(sa, true);
  REQUIRE(len);
  CHECK(sa.ss_family == AF_INET6);
  CHECK(Endpoint::from(reinterpret_cast<const sockaddr*>(&sa), *len) == *v4);

  const auto gone = Endpoint::parse("[fe80::1%no-such-if]:1")->to_sockaddr(sa);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ENODEV);
  CHECK_FALSE(Endpoint().to_sockaddr(sa));
}

TEST_CASE("names of sockets, and of what has none") {
  CHECK_FALSE(Endpoint::from(nullptr, 0).is_set());
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  CHECK_FALSE(Endpoint::from(reinterpret_cast<const sockaddr*>(&un), sizeof(sa_family_t)).is_set());
  std::memset(un.sun_path, 'x', sizeof un.sun_path);  // no NUL: the kernel allows it
  CHECK(Endpoint::from(reinterpret_cast<const sockaddr*>(&un), sizeof un).path.size() ==
        sizeof un.sun_path);

  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto any = Endpoint::parse_address_or_endpoint("127.0.0.1");
  sockaddr_storage sa;
  const auto len = any->to_sockaddr(sa);
  REQUIRE(len);
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&sa), *len) == 0);
  CHECK(local_endpoint(listener.get()).address == any->address);
  CHECK(local_endpoint(listener.get()).port != 0);
  CHECK_FALSE(remote_endpoint(listener.get()).is_set());
}

TEST_CASE("prefixes") {
  CHECK(prefix("192.0.2.77/24") == "192.0.2.0/24");
  CHECK(prefix("192.0.2.255/31") == "192.0.2.254/31");
  CHECK(prefix("192.0.2.1/32") == "192.0.2.1");
  CHECK(prefix("192.0.2.1") == "192.0.2.1");
  CHECK(prefix("255.1.1.1/0") == "0.0.0.0/0");
  CHECK(prefix("2001:db8:ffff::/33") == "2001:db8:8000::/33");
  CHECK(prefix("2001:db8::1/128") == "2001:db8::1");
  CHECK(prefix("::ffff:192.0.2.77/120") == "192.0.2.0/24");
  for (const char* text :
       {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/a", "192.0.2.0/-1", "192.0.2.0/24/8", "::/129",
        "::/1000", "name/24", "::ffff:192.0.2.0/95", "/24", ""}) {
    CAPTURE(text);
    CHECK(is_error(prefix(text)));
  }
}

TEST_CASE("what a prefix contains") {
  const auto p = Prefix::parse("192.0.2.128/25");
  CHECK(p->contains(literal("192.0.2.200")));
  CHECK(p->contains(literal("::ffff:192.0.2.200")));
  CHECK_FALSE(p->contains(literal("192.0.2.127")));
  CHECK_FALSE(p->contains(literal("2001:db8::1")));
  CHECK_FALSE(p->contains(Address()));
  CHECK_FALSE(Prefix().contains(Address()));
  CHECK(Prefix::parse("0.0.0.0/0")->contains(literal("255.255.255.255")));
  CHECK_FALSE(Prefix::parse("::/0")->contains(literal("192.0.2.1")));
  CHECK(Prefix::host(literal("192.0.2.1")).contains(literal("192.0.2.1")));
  CHECK_FALSE(Prefix::host(literal("192.0.2.1")).contains(literal("192.0.2.2")));
  const auto any_link = Prefix::parse("fe80::/10"), one_link = Prefix::parse("fe80::%eth0/10");
  REQUIRE(one_link);
  CHECK(one_link->to_string() == "fe80::%eth0/10");
  CHECK(any_link->contains(literal("fe80::1%eth1")));
  CHECK(one_link->contains(literal("fe80::1%eth0")));
  CHECK_FALSE(one_link->contains(literal("fe80::1%eth1")));
}

}  // namespace
}  // namespace peerhold
