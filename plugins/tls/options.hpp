// The options of tls: their declaration, what check() has against them, and their reading.
#pragma once

#include <peerhold/host.hpp>

#include <cstddef>
#include <string>

#include "routes.hpp"

namespace tls {

constexpr std::size_t option_count = 5;
extern const ph_option option_table[option_count];

struct Settings {
  std::int64_t hello_timeout_ms = 0;
  std::uint16_t min_version = 0;  // as on the wire
  bool proxy_header = false;
  Routes routes;
};

// `passive`: routes lead to apps; else they say whose client it is.
Settings read_settings(const ph::Config&, bool passive);
Routes read_routes(const ph::Config&, bool passive);
std::int64_t read_hello_timeout(const ph::Config&);

void check_options(const ph::Config&, const ph_open&);

}  // namespace tls
