// Key chains for tests: ids and lifetimes in seconds, secrets that differ.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/chain.hpp"

namespace peerhold {

inline std::chrono::sys_seconds at(std::int64_t seconds) {
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

struct Life {
  std::uint32_t id;
  std::optional<std::int64_t> start, end;
};

inline KeyChain chain_of(Rollover rollover, const std::vector<Life>& lives,
                         std::int64_t tolerance = 3600) {
  KeyChainConfig config;
  config.name = "edge";
  config.rollover = rollover;
  config.accept_tolerance = std::chrono::seconds(tolerance);
  for (const Life& life : lives) {
    std::string text = "secret " + std::to_string(life.id);
    auto secret = Secret::take({reinterpret_cast<unsigned char*>(text.data()), text.size()});
    REQUIRE(secret);
    KeyConfig key;
    key.id = life.id;
    key.secret.kind = SecretRef::Kind::inline_text;
    key.secret.inline_secret = std::make_shared<const Secret>(std::move(*secret));
    if (life.start) key.start = at(*life.start);
    if (life.end) key.end = at(*life.end);
    config.keys.push_back(std::move(key));
  }
  std::vector<Diagnostic> out;
  auto chain = load_chain(config, {}, at(0), out);
  REQUIRE(chain);
  return std::move(*chain);
}

}  // namespace peerhold
