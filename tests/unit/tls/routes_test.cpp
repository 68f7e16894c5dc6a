// Names as DNS compares them, and which route a client takes.
#include "routes.hpp"

#include <doctest/doctest.h>

#include <string>

#include "hellos.hpp"

using namespace tls;

TEST_CASE("names are compared as DNS does") {
  CHECK(dns_name("WWW.Example.NET") == "www.example.net");
  CHECK(dns_name("www.example.net.") == "www.example.net");
  CHECK(dns_name("xn--BCHER-kva.example") == "xn--bcher-kva.example");
  CHECK(dns_name("_sip.a-b.example") == "_sip.a-b.example");
  CHECK(dns_name("localhost") == "localhost");
  CHECK(dns_name("192.0.2.1") == "192.0.2.1");
}

TEST_CASE("a name longer or stranger than DNS allows is none") {
  for (const std::string name :
       {"", ".", "..", "a..b", ".a", "a b",
        "b\xc3\xbc"
        "cher.example",
        "*.example.net", "[2001:db8::1]", "2001:db8::1", "a/b", "a\n", "www.example.net.."}) {
    CAPTURE(name);
    CHECK_FALSE(dns_name(name));
  }
  CHECK_FALSE(dns_name(std::string("a\0b", 3)));
  CHECK(dns_name(std::string(63, 'a')));
  CHECK_FALSE(dns_name(std::string(64, 'a')));
  const std::string label = std::string(62, 'a') + ".";
  const std::string longest = label + label + label + label + "b";  // 253
  CHECK(dns_name(longest));
  CHECK(dns_name(longest + "."));
  CHECK_FALSE(dns_name(longest + "c"));
}

TEST_CASE("patterns that cannot be meant say why") {
  CHECK(wrong_pattern("a.example.org").empty());
  CHECK(wrong_pattern("*.example.net").empty());
  CHECK(wrong_pattern("*").find("default_app") != std::string::npos);
  CHECK(wrong_pattern("a.*.net").find("whole first label") != std::string::npos);
  CHECK(wrong_pattern("a*.net").find("whole first label") != std::string::npos);
  CHECK(wrong_pattern("*.*.net").find("whole first label") != std::string::npos);
  CHECK(wrong_pattern("b\xc3\xbc"
                      "cher.example")
            .find("xn--") != std::string::npos);
  CHECK_FALSE(wrong_pattern("a..b").empty());
  CHECK_FALSE(wrong_pattern("").empty());
  CHECK_FALSE(wrong_pattern("*.").empty());
  CHECK(wrong_protocol("h2").empty());
  CHECK_FALSE(wrong_protocol("").empty());
  CHECK_FALSE(wrong_protocol(std::string(256, 'a')).empty());
}

namespace {

struct Asked {
  const Routes& routes;
  std::string operator()(const std::string& name, const std::vector<std::string>& alpn = {}) const {
    const auto found = routes.find(name, alpn);
    CHECK((found.route == nullptr) == (found.fit == Fit::none));
    return found.route ? found.route->app : "none";
  }
};

}  // namespace

TEST_CASE("exact names come before wildcards of one label, whatever the order") {
  Routes routes;
  routes.add({"*.example.net"}, {}, "wild");
  routes.add({"A.example.net.", "other.example"}, {}, "exact");
  const Asked to{routes};
  CHECK(to("a.example.net") == "exact");
  CHECK(to("b.example.net") == "wild");
  CHECK(to("example.net") == "none");
  CHECK(to("c.b.example.net") == "none");
  CHECK(to("bexample.net") == "none");
  CHECK(to("other.example") == "exact");
  CHECK(to("") == "none");
}

TEST_CASE("ALPN within a name, the first match in order, and the default") {
  Routes routes;
  routes.add({"a.example"}, {"h2", "h3"}, "h2");
  routes.add({"a.example"}, {"h2"}, "never");
  routes.add({"a.example"}, {}, "rest");
  routes.add({"b.example"}, {"acme-tls/1"}, "acme");
  routes.add({"*.example"}, {}, "wild");
  const Asked to{routes};
  CHECK(to("a.example", {"http/1.1", "h2"}) == "h2");
  CHECK(to("a.example", {"http/1.1"}) == "rest");
  CHECK(to("a.example") == "rest");
  CHECK(to("b.example", {"acme-tls/1"}) == "acme");
  CHECK(to("b.example", {"h2"}) == "wild");  // whom no exact name takes
  CHECK(to("c.other") == "none");
  routes.add_default("default", "default_app");
  CHECK(to("c.other") == "default");
  CHECK(to("") == "default");
  CHECK(routes.find("", {}).fit == Fit::any);
  CHECK(routes.find("a.example", {"h2"}).route->label == "a.example h2 h3");
}

TEST_CASE("the same hello, cut and recorded anew, takes the same route") {
  Routes routes;
  routes.add({"www.example.net"}, {"h2"}, "h2");
  routes.add({"www.example.net"}, {}, "rest");
  for (const std::string& name : test::clients) {
    const auto message = test::message_of(test::recorded(name));
    const auto route = [&](const test::Buffer& wire) -> std::string {
      const Reading reading = read_hello(wire);
      const auto* hello = std::get_if<Hello>(&reading);
      if (hello == nullptr) return "no hello";
      const auto found = routes.find(dns_name(hello->sni).value_or(""), hello->alpn);
      return found.route ? found.route->app : "none";
    };
    const std::string whole = route(test::recorded(name));
    CHECK(whole == (name == "no-name" ? "none"
                    : name == "chromium" || name.starts_with("curl") || name == "openssl-h2"
                        ? "h2"
                        : "rest"));
    for (std::size_t cut = 1; cut < message.size(); ++cut) {
      test::Buffer wire;
      test::record(wire, message.data(), cut);
      test::record(wire, message.data() + cut, message.size() - cut);
      if (route(wire) != whole) FAIL(name << " cut at " << cut);
    }
  }
}
