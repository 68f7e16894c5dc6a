// Do the keys that a configuration wants on each listening socket fit into the kernel's room for
// them (net.core.optmem_max)? Pure.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace peerhold::cli {

struct Crowded {
  std::string listener;
  std::size_t keys = 0;
};
// The listeners that need more than `room` keys.
std::vector<Crowded> crowded_listeners(const Config&, std::size_t room);

}  // namespace peerhold::cli
