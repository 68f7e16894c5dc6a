// OPENs to begin a test from.
#pragma once

#include <utility>

#include "open.hpp"

inline bgp::Open plain_open() {
  bgp::Open open;
  open.as = 65000;
  open.hold_time_s = 90;
  open.identifier = 0xc0000201;
  open.has_capabilities = false;
  return open;
}

inline bgp::Open open_with(bgp::Capabilities capabilities) {
  bgp::Open open = plain_open();
  open.capabilities = std::move(capabilities);
  open.has_capabilities = true;
  return open;
}
