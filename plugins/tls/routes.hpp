// Which route a client takes, by the name and the protocols that it asks for. Pure.
//
// Exact names come before wildcards; among equals the first in order; a route with `alpn` takes
// only who offers one of these protocols.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hello.hpp"

namespace tls {

// A name as DNS compares it (RFC 4343): in small letters, without the dot at its end. None: longer
// or stranger than a name in DNS can be (RFC 1035 §2.3.4, letters, digits, - and _).
std::optional<std::string> dns_name(std::string_view);

// What is wrong with a name of `sni`, in words; empty: nothing.
std::string wrong_pattern(std::string_view);
// … with a protocol of `alpn`.
std::string wrong_protocol(std::string_view);

struct Route {
  std::vector<std::string> names;  // as dns_name() gives them, wildcards with their "*."
  std::vector<std::string> alpn;   // empty: any, or none
  std::string app;                 // where it leads; empty: the session's own
  std::string label;               // for counters
};

enum class Fit : std::uint8_t { none, any, wildcard, exact };

class Routes {
 public:
  // What fits no pattern is left out; check() has complained about it.
  void add(const std::vector<std::string>& sni, std::vector<std::string> alpn, std::string app);
  // Whoever no route takes; one without a name, too.
  void add_default(std::string app, std::string label);

  struct Found {
    Fit fit = Fit::none;
    const Route* route = nullptr;  // lives as long as the Routes
  };
  // `name` as dns_name() gives it, or empty.
  Found find(std::string_view name, const std::vector<std::string>& alpn) const;

 private:
  std::vector<Route> routes_;
  std::optional<Route> default_;
};

}  // namespace tls
